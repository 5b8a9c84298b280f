"""How much of the catalogue each arm shows, as if all arms had shown equally much.

An arm that shows more finds more items by that alone. So each arm has the number of distinct items that would be
expected among as many showings as the smallest arm had (rarefaction). Source: Hurlbert, Ecology 52(4), 1971.
"""

import numpy as np
import polars as pl
from scipy.special import gammaln

from recsys import columns as c
from recsys.evaluation.experiments.moments import Floats
from recsys.evaluation.experiments.outcomes import shown_items, slates_of
from recsys.sites.experiment import Experiment


def coverage(experiment: Experiment, slates: pl.LazyFrame, *, catalogue: int) -> dict[str, float]:
    """Share of the catalogue that each arm shows, by arm, in [0, 1]; empty until every arm has shown something.

    Args:
        experiment: whose.
        slates: schema SLATES.
        catalogue: how many items could have been shown.
    """
    times = shown_items(slates_of(experiment, slates)).group_by(c.ARM, c.ITEM_ID).agg(pl.len().alias(c.SHOWN)).collect()
    by_arm: dict[str, Floats] = {
        arm.name: times.filter(pl.col(c.ARM) == arm.name)[c.SHOWN].sort().to_numpy().astype(np.float64)
        for arm in experiment.arms
    }
    showings = min(counts.sum() for counts in by_arm.values())
    if not showings:
        return {}
    return {name: _distinct(counts, showings) / catalogue for name, counts in by_arm.items()}


def _distinct(counts: Floats, showings: float) -> float:
    """Distinct items expected among so many showings, drawn without replacement."""
    others = counts.sum() - counts
    possible = others >= showings
    missed = np.exp(
        gammaln(others[possible] + 1)
        - gammaln(others[possible] - showings + 1)
        - gammaln(counts.sum() + 1)
        + gammaln(counts.sum() - showings + 1)
    )
    return float(len(counts) - missed.sum())
