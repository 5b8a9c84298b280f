"""When in the day and in the week somebody comes, and when an item is met: what of the context differs by candidate.

The hour and the weekday of the moment that is asked for are the same for all candidates of a slate, and, with label
windows of whole weeks, for all slates that a ranker learns from: nothing could be learned of them. How well an item's
hours suit the user's can.
"""

import math
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.features.exact import exact

SATURDAY: Final = 6
"""As polars counts weekdays, from Monday, 1."""
HOURS: Final = 24.0


def rhythm(known: pl.DataFrame, of: str, hour: str, weekend: str) -> pl.DataFrame:
    """One row per value of column ``of``: the mean hour of the day of its events, and their share on weekends; UTC.

    The mean is that of directions on a clock of 24 hours: 23 and 1 give 0.
    """
    turn = (pl.col(c.TIMESTAMP).dt.hour() + pl.col(c.TIMESTAMP).dt.minute() / 60.0) * (2 * math.pi / HOURS)
    direction = pl.arctan2(exact(turn.sin().mean()), exact(turn.cos().mean()))
    on_weekend = (pl.col(c.TIMESTAMP).dt.weekday() >= SATURDAY).cast(pl.Float64)
    return known.group_by(of).agg(
        (direction * (HOURS / (2 * math.pi)) % HOURS).alias(hour), exact(on_weekend.mean()).alias(weekend)
    )


def hours_between(one: str, other: str) -> pl.Expr:
    """Hours from one time of day to the other, the shorter way round: 0 to 12."""
    apart = (pl.col(one) - pl.col(other)).abs()
    return pl.min_horizontal(apart, HOURS - apart)
