"""Sums over users, as they stood at every look: all that the statistics of an experiment need.

A user counts once, with everything the user did up to the look; users, and not events, are what was drawn at random.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SUMS: Final = ("users", "n", "d", "nn", "nd", "dd", "x", "xx", "xn", "xd")


@dataclass(frozen=True)
class Moments:
    """Sums over the users seen so far; each is float64 of shape (groups, looks).

    ``n`` is a user's numerator up to the look, ``d`` the denominator, ``x`` what was known of the user before the
    experiment; two letters are products.
    """

    users: Floats
    n: Floats
    d: Floats
    nn: Floats
    nd: Floats
    dd: Floats
    x: Floats
    xx: Floats
    xn: Floats
    xd: Floats

    def group(self, number: int | slice) -> "Moments":
        """Those of one group, shape (looks,), or of several."""
        return Moments(**{name: getattr(self, name)[number] for name in SUMS})


def moments(
    user: Ints,
    group: Ints,
    look: Ints,
    numerator: Floats,
    denominator: Floats | None,
    covariate: Floats | None = None,
    *,
    groups: int,
    looks: int,
) -> Moments:
    """Sums of every group at the end of every look.

    Args:
        user: one number per user; all rows of a user stand together, in order of time.
        group: the arm, the same in all rows of a user; from 0.
        look: when a row happened: it counts at this look and all later ones; from 0.
        numerator: what the row adds to the user's numerator.
        denominator: what it adds to the denominator; None: 1 for each user, so that ratios are means over users.
        covariate: something known of the user before the experiment, the same in all rows of a user; None: nothing.
        groups: how many.
        looks: how many.
    """
    first = np.r_[True, user[1:] != user[:-1]] if len(user) else np.zeros(0, bool)
    adds_d = first.astype(np.float64) if denominator is None else denominator
    n_before, n_after = _running(numerator, first)
    d_before, d_after = _running(adds_d, first)
    x = np.zeros(len(user)) if covariate is None else covariate
    place = group * looks + look

    def total(added: Floats) -> Floats:
        summed = np.bincount(place, weights=added, minlength=groups * looks)
        so_far: Floats = np.cumsum(summed.reshape(groups, looks), axis=1)
        return so_far

    return Moments(
        users=total(first.astype(np.float64)),
        n=total(numerator),
        d=total(adds_d),
        nn=total(n_after**2 - n_before**2),
        nd=total(n_after * d_after - n_before * d_before),
        dd=total(d_after**2 - d_before**2),
        x=total(x * first),
        xx=total(x**2 * first),
        xn=total(x * numerator),
        xd=total(x * adds_d),
    )


def first_time(user: Ints, happened: NDArray[np.bool_]) -> Floats:
    """1 in the row in which it happened to a user for the first time, else 0; rows as in ``moments``."""
    first = np.r_[True, user[1:] != user[:-1]] if len(user) else np.zeros(0, bool)
    before, after = _running(happened.astype(np.float64), first)
    return np.asarray((before == 0) & (after > 0), np.float64)


def _running(added: Floats, first: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Each user's sum before and after each row."""
    before = np.cumsum(added) - added
    start = before[first][np.cumsum(first) - 1] if len(added) else before
    return before - start, before - start + added
