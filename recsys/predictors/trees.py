"""Boosted trees, mixed with a linear score, that end in a probability.

Source: Prokhorenkova, Gusev, Vorobev, Dorogush and Gulin, "CatBoost: unbiased boosting with categorical features",
NeurIPS 2018.
"""

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import polars as pl
from catboost import CatBoost, CatBoostError, Pool
from numpy.typing import NDArray

from recsys import columns as c
from recsys.errors import NotEnoughData
from recsys.predictors.examples import Examples
from recsys.predictors.linear import fit_linear, mixed
from recsys.predictors.quality import best_threshold
from recsys.serving.predicting.calibration import Calibration
from recsys.serving.predicting.scorer import Scorer, probability
from recsys.types import Frozen

PATIENCE: Final = 30
"""Trees without a better log-loss of the held-back rows before training stops."""
THREADS: Final = 2
"""Fixed, so that the same rows give the same model on any machine."""
WHEN_AND_WHICH_RUN: Final = ("model_guid", "train_finish_time")
"""What CatBoost adds to a model file that differs from run to run."""


class TreeParams(Frozen):
    """How the trees grow."""

    iterations: int
    learning_rate: float
    depth: int
    calibrate: Literal["isotonic", "platt"] | None
    seed: int


def fit_trees(learned: Examples, held: Examples, names: Sequence[str], params: TreeParams) -> Scorer:
    """Trees grown on ``learned``, mixed with a logistic regression on the same features.

    ``held`` says when they stop, how much they count, and from which probability on a row is taken for a success.

    Args:
        learned: what the trees learn from.
        held: later than that, best of all.
        names: of the features.
        params: how they grow.

    Raises:
        NotEnoughData: successes alone, or none, in one of the two; or rows that do not differ.
    """
    for name, rows in (("learn from", learned), ("hold back", held)):
        if not rows.labels.any() or rows.labels.all():
            raise NotEnoughData(
                f"found {int(rows.labels.sum())} successes among {len(rows)} rows to {name}, expected both kinds; "
                "wait for more events"
            )
    model = CatBoost(
        {
            "loss_function": "Logloss",
            "iterations": params.iterations,
            "learning_rate": params.learning_rate,
            "depth": params.depth,
            "random_seed": params.seed,
            "thread_count": THREADS,
            "od_type": "Iter",
            "od_wait": PATIENCE,
            "use_best_model": True,
            "allow_writing_files": False,
        }
    )
    try:
        model.fit(_pool(learned, names), eval_set=_pool(held, names), verbose=False)
    except CatBoostError as fault:
        raise NotEnoughData(f"found {len(learned)} rows that nothing can be learned from: {fault}") from fault
    settled_model(model)
    scores: NDArray[np.float64] = model.predict(held.table, thread_count=THREADS)
    mixture = mixed(fit_linear(learned), held, scores)
    scores = mixture.score(held.table, scores)
    method = params.calibrate
    calibration = Calibration.of(method, scores, held.labels, np.ones(len(held))) if method else None
    threshold = best_threshold(held.labels, probability(scores, calibration))
    return Scorer(model, features=names, mixture=mixture, calibration=calibration, threshold=threshold)


def settled_model(model: CatBoost) -> None:
    """What differs from run to run is emptied, so that equal models are equal bytes."""
    metadata = model.get_metadata()
    for key in [key for key in metadata.keys() if key.endswith(WHEN_AND_WHICH_RUN)]:  # noqa: SIM118 no iterator
        metadata[key] = ""


def shap_summary(scorer: Scorer, table: NDArray[np.float32]) -> pl.DataFrame:
    """How much each feature moves the scores of these rows: columns feature and importance, heaviest first.

    Importance is the mean of the absolute SHAP values of the trees, in log-odds before calibration.

    Source: Lundberg, Erion and Lee, "Consistent individualized feature attribution for tree ensembles", 2018; the
    implementation is CatBoost's own.
    """
    values = scorer.model.get_feature_importance(Pool(table), type="ShapValues", thread_count=THREADS)
    weight = np.abs(values[:, :-1]).mean(axis=0)
    return pl.DataFrame({c.FEATURE: list(scorer.features), c.IMPORTANCE: weight}).sort(
        c.IMPORTANCE, c.FEATURE, descending=[True, False]
    )


def _pool(rows: Examples, names: Sequence[str]) -> Pool:
    return Pool(rows.table, label=rows.labels.astype(np.float32), feature_names=list(names))
