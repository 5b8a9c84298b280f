"""What moved the scores of a sample of candidates, feature by feature.

Source: Lundberg, Erion and Lee, "Consistent individualized feature attribution for tree ensembles", 2018; the
implementation is CatBoost's own.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys.ranking.ranker import Ranker

SAMPLE: Final = 250
FEATURES: Final = 12


@dataclass(frozen=True)
class FeatureShare:
    """One feature's SHAP values over the sample."""

    feature: str
    mean: float
    "Mean of the absolute contributions, in units of the score."
    contributions: NDArray[np.float64]
    heights: NDArray[np.float64]
    "Where each row's value stands among the sample's, in [0, 1]; NaN where it has none, or is a word."


def shap_sample(ranker: Ranker, rows: pl.DataFrame, *, rng: np.random.Generator) -> list[FeatureShare]:
    """The FEATURES heaviest features over SAMPLE rows drawn from ``rows``, heaviest first."""
    drawn = rows[np.sort(rng.permutation(rows.height)[:SAMPLE])]
    if drawn.is_empty():
        return []
    values = ranker.contributions(drawn)
    weight = np.abs(values).mean(axis=0)
    names, numeric = ranker.features.names, ranker.features.numeric
    heaviest = np.argsort(-weight, kind="stable")[:FEATURES].tolist()
    return [
        FeatureShare(
            names[place],
            float(weight[place]),
            values[:, place],
            _heights(drawn, names[place]) if names[place] in numeric else np.full(drawn.height, np.nan),
        )
        for place in heaviest
        if weight[place] > 0
    ]


def _heights(rows: pl.DataFrame, feature: str) -> NDArray[np.float64]:
    value = pl.col(feature).cast(pl.Float64).fill_nan(None)
    span = pl.max_horizontal(value.count() - 1, 1)
    heights: NDArray[np.float64] = (
        rows.select(((value.rank("average") - 1) / span).fill_null(float("nan"))).to_series().to_numpy()
    )
    return heights
