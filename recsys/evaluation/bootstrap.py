"""How sure means over users are: seeded percentile intervals, also of differences and ratios of two means.

Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsys.types import Frozen

RESAMPLES: Final = 1000
AT_ONCE: Final = 4_000_000
"""Users drawn at once; bounds memory."""

Floats = NDArray[np.float64]


class Interval(Frozen):
    """A mean over users, or what is made of two, and its 95 % interval."""

    mean: float
    low: float
    high: float

    @property
    def is_above_zero(self) -> bool:
        return self.low > 0


class Resampled:
    """Means of columns, as observed and in each draw of the users; one draw is the same users for every column.

    Args:
        values: float64, shape (users, columns).
        rng: draws the users.
        resamples: how often.
    """

    def __init__(self, values: Floats, *, rng: np.random.Generator, resamples: int = RESAMPLES) -> None:
        self._observed = values.mean(axis=0) if len(values) else np.zeros(values.shape[1])
        self._draws = _means(values, rng, resamples) if len(values) else np.zeros((1, values.shape[1]))

    def mean(self, column: int) -> Interval:
        """The column's mean; without users all three numbers are 0."""
        return _interval(self._observed[column], self._draws[:, column])

    def difference(self, column: int, other: int) -> Interval:
        """The column's mean minus the other's, paired by user."""
        return _interval(self._observed[column] - self._observed[other], self._draws[:, column] - self._draws[:, other])

    def lift(self, column: int, other: int) -> Interval | None:
        """How much higher the column's mean is than the other's, as a fraction; None where the other may be 0."""
        if not (self._observed[other] > 0 and (self._draws[:, other] > 0).all()):
            return None
        return _interval(
            self._observed[column] / self._observed[other] - 1, self._draws[:, column] / self._draws[:, other] - 1
        )


def mean_interval(values: Floats, *, rng: np.random.Generator, resamples: int = RESAMPLES) -> Interval:
    """The mean of one value per user, with the percentile interval over ``resamples`` draws of the users.

    No users: all three are 0. For a paired comparison, give the difference of each user.
    """
    return Resampled(values[:, None], rng=rng, resamples=resamples).mean(0)


def _means(values: Floats, rng: np.random.Generator, resamples: int) -> Floats:
    """Shape (resamples, columns)."""
    users = len(values)
    at_once = max(1, AT_ONCE // users)
    return np.concatenate(
        [
            _times_drawn(rng, min(at_once, resamples - start), users) @ values / users
            for start in range(0, resamples, at_once)
        ]
    )


def _times_drawn(rng: np.random.Generator, draws: int, users: int) -> Floats:
    """How often each draw has each user; shape (draws, users)."""
    drawn = rng.integers(0, users, size=(draws, users)) + np.arange(draws)[:, None] * users
    return np.bincount(drawn.ravel(), minlength=draws * users).reshape(draws, users).astype(np.float64)


def _interval(observed: float, draws: Floats) -> Interval:
    low, high = np.quantile(draws, [0.025, 0.975])
    return Interval(mean=float(observed), low=float(low), high=float(high))
