"""How sure a mean over users is: seeded percentile intervals.

Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsys.types import Frozen

RESAMPLES: Final = 1000
BLOCK: Final = 100
"""Resamples drawn at once; bounds memory."""


class Interval(Frozen):
    """A mean over users and its 95 % interval."""

    mean: float
    low: float
    high: float

    @property
    def is_above_zero(self) -> bool:
        return self.low > 0


def mean_interval(values: NDArray[np.float64], *, rng: np.random.Generator, resamples: int = RESAMPLES) -> Interval:
    """The mean of one value per user, with the percentile interval over ``resamples`` draws of the users.

    No users: all three are 0. For a paired comparison, give the difference of each user.
    """
    if not len(values):
        return Interval(mean=0.0, low=0.0, high=0.0)
    means = np.concatenate(
        [
            values[rng.integers(0, len(values), size=(min(BLOCK, resamples - start), len(values)))].mean(axis=1)
            for start in range(0, resamples, BLOCK)
        ]
    )
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(mean=float(values.mean()), low=float(low), high=float(high))
