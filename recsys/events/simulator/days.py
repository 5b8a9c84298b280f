"""Days as numbers and back: the simulated shop counts them from its opening."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from recsys.errors import DataError
from recsys.events.schema import TIME
from recsys.events.simulator.keyed import Ints

EPOCH = date(1990, 1, 1)
"""Day 0, a Monday; five years before the earliest event that the platform takes."""

_UNIX = date(1970, 1, 1)
_MICROSECONDS = 86_400_000_000


def day_number(day: date) -> int:
    """Days since EPOCH.

    Raises:
        DataError: the day is not after EPOCH.
    """
    number = (day - EPOCH).days
    if number < 1:
        raise DataError(f"found the day {day}, expected a day after {EPOCH}, when the simulated shop opened")
    return number


def day_of(number: int) -> date:
    """The day that is ``number`` days after EPOCH."""
    return EPOCH + timedelta(days=number)


def midnight(number: int) -> datetime:
    """The first instant of the day, UTC."""
    day = day_of(number)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def instants(number: int, millisecond: Ints) -> pl.Series:
    """The instants so many milliseconds after the day's midnight, as the event schema's time."""
    start = (EPOCH - _UNIX).days + number
    return pl.Series(np.int64(start * _MICROSECONDS) + millisecond * 1000).cast(TIME)
