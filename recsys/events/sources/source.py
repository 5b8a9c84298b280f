"""What every source of raw events promises."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol, runtime_checkable

from recsys.events.raw import RawBatch
from recsys.layout import Settings
from recsys.sites.config import QualityPolicy
from recsys.types import SiteId


@dataclass(frozen=True)
class DayRange:
    """UTC days, both ends included; None is an open end."""

    first: date | None
    last: date | None

    def __contains__(self, day: date) -> bool:
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


@dataclass(frozen=True)
class Surroundings:
    """What a source may know beside its own params."""

    site: SiteId = ""
    quality: QualityPolicy = field(default_factory=QualityPolicy)
    settings: Settings = field(default_factory=Settings)


class Source(Protocol):
    """Raw events of one site, from one place. Reading changes nothing; the same span gives the same rows."""

    filed: bool
    "True: files are filed by day or hour, so that a long span can be read in pieces at no extra cost."

    def days(self) -> DayRange:
        """The days that the source knows of.

        Raises:
            SourceError: the place is missing, empty, or not in the published form.
        """
        ...

    def read(self, start: datetime, end: datetime) -> Iterator[RawBatch]:
        """Every row that happened from ``start`` until ``end`` (UTC, whole hours), and every row without a usable time.

        A shorter span gives the same rows of that span as a longer one does. A span without rows is not an error. Rows
        of other times may come along; the caller leaves them out. What is filed under a later time because it came late
        is looked for where it lies.

        Raises:
            SourceError: as ``days``; the fault of files that are filed by time is told in ``unreadable`` instead.
        """
        ...


@runtime_checkable
class Stored(Protocol):
    """A source that can tell which files it would read, without reading what they say."""

    def stored(self, start: datetime, end: datetime) -> Mapping[str, str] | None:
        """sha256 by name, as in ``SourceFile``, of what ``read`` reads of this span; None where it cannot be told."""
        ...
