"""Logistic regression on features: what trees are compared with, and mixed with."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from recsys.predictors.examples import Examples
from recsys.predictors.quality import row_log_loss
from recsys.serving.predicting.linear import Linear, Mixture
from recsys.serving.predicting.scorer import probability

MOST_ROWS: Final = 200_000
"""Rows that are learned from, the latest."""
SHARES: Final = tuple(tenths / 10 for tenths in range(10, -1, -1))
"""Of the trees in a mixture; the first of equals is taken."""


def fit_linear(learned: Examples) -> Linear:
    """The logistic regression on standardized features; unknown ones are the mean. Both kinds of rows occur."""
    recent = learned[slice(-MOST_ROWS, None)]
    means = np.ma.masked_invalid(recent.table).mean(axis=0, dtype=np.float64).filled(0.0)
    known = np.where(np.isnan(recent.table), means, recent.table)
    scaler = StandardScaler().fit(known)
    found = LogisticRegression(max_iter=500).fit(scaler.transform(known), recent.labels)
    weights = found.coef_[0] / scaler.scale_
    return Linear(
        means=means.tolist(),
        weights=weights.tolist(),
        intercept=float(found.intercept_[0] - (weights * scaler.mean_).sum()),
    )


def mixed(linear: Linear, held: Examples, trees: NDArray[np.float64]) -> Mixture:
    """The mean of both scores with the least log-loss on ``held``; the trees' share is one of SHARES.

    Args:
        linear: fitted on other rows.
        held: later than these, best of all.
        trees: their scores of the same rows, in log-odds.
    """
    candidates = [Mixture(linear=linear, share=share) for share in SHARES]
    losses = [row_log_loss(held.labels, probability(each.score(held.table, trees), None)).mean() for each in candidates]
    return candidates[int(np.argmin(losses))]
