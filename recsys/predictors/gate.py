"""Whether a predictor may go live: surely better than the plainest rival, and not surely worse than anything else."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsys.types import Frozen

PerRow = NDArray[np.float64]
MODEL: Final = "model"
LIVE: Final = "live"
"""The rival that is live."""
SURE: Final = 1.96
"""Standard errors around a mean: its 95 % interval."""


class Measure(NamedTuple):
    """What is known of each row of each contestant."""

    name: str
    better: Literal["lower", "higher"]

    @property
    def side(self) -> str:
        """Where the better one lies."""
        return "below" if self.better == "lower" else "above"


class Difference(Frozen):
    """How much better than a rival the model is, per row, in the unit of the measure, with its 95 % interval."""

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


def decide(achieved: Mapping[str, PerRow], groups: NDArray[np.int64], *, measure: Measure, floor: str) -> Decision:
    """Compares ``model`` with each rival, row by row.

    Args:
        achieved: the measure of each row by ``model``, by ``floor``, and by other rivals: baselines, what is live.
        groups: rows of one group, such as a session, are not independent; intervals are over groups.
        measure: what it is, and which is better.
        floor: the rival that must surely be surpassed; it is enough not to be surely worse than the others.
    """
    sign = 1 if measure.better == "higher" else -1
    against = {
        name: _difference(sign * (achieved[MODEL] - rival), groups) for name, rival in achieved.items() if name != MODEL
    }
    ahead = against[floor]
    if ahead.low <= 0:
        return Decision(
            accepted=False,
            reason=f"found a {measure.name} {_told(ahead)} {measure.side} that of {floor}, "
            f"expected one that is surely {measure.better}",
            against=against,
        )
    worse = "higher" if measure.better == "lower" else "lower"
    for name, each in against.items():
        if each.high < 0:
            return Decision(
                accepted=False,
                reason=f"found a {measure.name} {_told(each)} {measure.side} that of {name}, "
                f"which is surely {worse}; expected none so",
                against=against,
            )
    reason = f"{measure.name} is {_told(ahead)} {measure.side} that of {floor}"
    return Decision(accepted=True, reason=reason, against=against)


def _difference(ahead: PerRow, groups: NDArray[np.int64]) -> Difference:
    """The mean over rows; its variance is that of a ratio of sums over groups."""
    _, place = np.unique(groups, return_inverse=True)
    mean = float(ahead.mean())
    residuals = np.bincount(place, ahead - mean)
    count = len(residuals)
    error = float(np.sqrt((residuals**2).sum() * count / max(count - 1, 1))) / len(ahead)
    return Difference(mean=mean, low=mean - SURE * error, high=mean + SURE * error)


def _told(difference: Difference) -> str:
    return f"{difference.mean:.4f} ({difference.low:.4f} to {difference.high:.4f})"
