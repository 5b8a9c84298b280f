"""Whether a predictor may go live: surely better than the base rate, and not surely worse than anything else."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsys.predictors.quality import Labels, Probabilities, row_log_loss
from recsys.types import Frozen

MODEL: Final = "model"
BASE_RATE: Final = "base rate"
SURE: Final = 1.96
"""Standard errors around a mean: its 95 % interval."""


class Difference(Frozen):
    """How much larger a rival's log-loss is than the model's, per row, in nats, with its 95 % interval."""

    mean: float
    low: float
    high: float


class Decision(Frozen):
    """What the gate says."""

    accepted: bool
    reason: str
    "One sentence."
    against: dict[str, Difference]
    "By rival."


def decide(labels: Labels, said: Mapping[str, Probabilities], groups: NDArray[np.int64]) -> Decision:
    """Compares the log-loss of ``model`` with that of each rival, on the same rows.

    Args:
        labels: what became of each row.
        said: probabilities of ``model``, of ``base rate``, and of other rivals: baselines, what is live.
        groups: rows of one group, such as a session, are not independent; intervals are over groups.
    """
    losses = {name: row_log_loss(labels, each) for name, each in said.items()}
    model = losses.pop(MODEL)
    against = {name: _difference(rival - model, groups) for name, rival in losses.items()}
    ahead = against[BASE_RATE]
    if ahead.low <= 0:
        return Decision(
            accepted=False,
            reason=f"found a log-loss {_told(ahead)} below that of the base rate, expected one that is surely lower",
            against=against,
        )
    for name, each in against.items():
        if each.high < 0:
            return Decision(
                accepted=False,
                reason=f"found a log-loss {_told(each)} below that of {name}, which is surely higher; expected none so",
                against=against,
            )
    return Decision(accepted=True, reason=f"log-loss is {_told(ahead)} below that of the base rate", against=against)


def _difference(losses: Probabilities, groups: NDArray[np.int64]) -> Difference:
    """The mean over rows; its variance is that of a ratio of sums over groups."""
    _, place = np.unique(groups, return_inverse=True)
    mean = float(losses.mean())
    residuals = np.bincount(place, losses - mean)
    count = len(residuals)
    error = float(np.sqrt((residuals**2).sum() * count / max(count - 1, 1))) / len(losses)
    return Difference(mean=mean, low=mean - SURE * error, high=mean + SURE * error)


def _told(difference: Difference) -> str:
    return f"{difference.mean:.4f} ({difference.low:.4f} to {difference.high:.4f})"
