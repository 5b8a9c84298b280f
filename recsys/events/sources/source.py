"""What every source of raw events promises."""

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from recsys.events.raw import RawBatch


@dataclass(frozen=True)
class DayRange:
    """UTC days, both ends included; None is an open end."""

    first: date | None
    last: date | None

    def __contains__(self, day: date) -> bool:
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


class Source(Protocol):
    """Raw events of one site, from one place, by UTC day. Reading changes nothing; the same days give the same rows."""

    def days(self) -> DayRange:
        """The days that the source knows of.

        Raises:
            SourceError: the place is missing, empty, or not in the published form.
        """
        ...

    def read(self, first: date, last: date) -> RawBatch:
        """Every row of these days (both ends included), read in one go, and every row whose day cannot be told.

        A single day gives the same rows of that day as a longer range does. A day without rows is not an error.

        Raises:
            SourceError: as ``days``; the fault of a file that holds one day alone is told in ``unreadable`` instead.
        """
        ...
