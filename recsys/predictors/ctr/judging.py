"""How good a click probability is on later rows, beside baselines that look at less."""

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from recsys.predictors.ctr.training import FittedCtr, columns_of
from recsys.predictors.quality import Probabilities, ProbabilityQuality, probability_quality
from recsys.sites.predictor_policy import CtrPolicy

RATE: Final = "rate_"
MOST_ROWS: Final = 200_000
"""Rows that the logistic regression learns from, the latest."""


def judge_ctr(fitted: FittedCtr, rows: pl.DataFrame, policy: CtrPolicy) -> dict[str, ProbabilityQuality]:
    """The quality of the trees and of each baseline on ``rows``, which are later than what was learned from."""
    labels = rows[policy.label].to_numpy().astype(np.bool_)
    return {
        name: probability_quality(labels, said, threshold=fitted.model.scorer.threshold)
        for name, said in contestants(fitted, rows, policy).items()
    }


def contestants(fitted: FittedCtr, rows: pl.DataFrame, policy: CtrPolicy) -> dict[str, Probabilities]:
    """What the trees say of each row, and what the baselines say.

    These are the base rate of what was learned from; the smoothed click rate of the value of one column, the first of
    the policy's categories; and a logistic regression on the same features, unknown ones as the mean.
    """
    table = fitted.model.encoder.table(columns_of(rows, policy))
    learned = fitted.examples
    said = {
        "trees": fitted.model.scorer.predict(table),
        "base rate": np.full(rows.height, float(learned.labels.mean())),
    }
    rates = [n for n, name in enumerate(fitted.model.encoder.names) if name.startswith(RATE)]
    if rates:
        said[f"rate of {policy.categories[0]}"] = table[:, rates[0]].astype(np.float64)
    mean = np.ma.masked_invalid(learned.table).mean(axis=0, dtype=np.float64).filled(0.0)
    recent = learned[slice(-MOST_ROWS, None)]
    logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    logistic.fit(_filled(recent.table, mean), recent.labels)
    return {**said, "logistic": logistic.predict_proba(_filled(table, mean))[:, 1]}


def _filled(table: NDArray[np.float32], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isnan(table), mean, table)
