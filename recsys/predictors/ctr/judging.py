"""How good a click probability is on later rows, beside baselines that look at less."""

from typing import Final

import numpy as np
import polars as pl

from recsys.predictors.ctr.training import FittedCtr, columns_of
from recsys.predictors.linear import fit_linear
from recsys.predictors.quality import Probabilities, ProbabilityQuality, probability_quality
from recsys.serving.predicting.scorer import probability
from recsys.sites.predictor_policy import CtrPolicy

RATE: Final = "rate_"


def judge_ctr(fitted: FittedCtr, rows: pl.DataFrame, policy: CtrPolicy) -> dict[str, ProbabilityQuality]:
    """The quality of the model and of each baseline on ``rows``, which are later than what was learned from."""
    labels = rows[policy.label].to_numpy().astype(np.bool_)
    return {
        name: probability_quality(labels, said, threshold=fitted.model.scorer.threshold)
        for name, said in contestants(fitted, rows, policy).items()
    }


def contestants(fitted: FittedCtr, rows: pl.DataFrame, policy: CtrPolicy) -> dict[str, Probabilities]:
    """What the model says of each row, and what the baselines say.

    These are the base rate of what was learned from; the smoothed click rate of the value of one column, the first of
    the policy's categories; and the logistic regression on the same features alone.
    """
    table = fitted.model.encoder.table(columns_of(rows, fitted.model.reader))
    learned = fitted.examples
    said = {
        "model": fitted.model.scorer.predict(table),
        "base rate": np.full(rows.height, float(learned.labels.mean())),
    }
    rates = [n for n, name in enumerate(fitted.model.encoder.names) if name.startswith(RATE)]
    if rates:
        said[f"rate of {policy.categories[0]}"] = table[:, rates[0]].astype(np.float64)
    return {**said, "logistic": probability(fit_linear(learned).score(table), None)}
