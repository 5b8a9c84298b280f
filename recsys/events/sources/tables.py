"""Files of events in rows and columns, whatever their format: which column is which stands in the site's YAML."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Annotated, Final, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl
from pydantic import AfterValidator, NonNegativeInt

from recsys import columns as c
from recsys.errors import SourceError
from recsys.events.filed import FiledPath
from recsys.events.files import RawFile
from recsys.events.lines import Lines
from recsys.events.raw import NO_BATCH, Filing, RawBatch, SourceFile, rejected
from recsys.events.sources.item_files import ItemParams, item_updates
from recsys.events.sources.mapping import EventColumns, events
from recsys.events.sources.source import DayRange, Surroundings
from recsys.events.times import TimeForm, TimeUnit
from recsys.types import Frozen

ROWS_AT_ONCE: Final = 600_000
"In one batch."


def _is_a_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"found {name!r}, expected a zone of the IANA database such as Europe/Vienna") from None


class TableParams(Frozen):
    """What every format takes."""

    path: str
    "File or files, local or s3://bucket/key; may have wildcards, and say the day or hour by which files are filed."
    columns: EventColumns
    items: ItemParams | None = None
    "A file of items, in the same format."
    late_days: NonNegativeInt = 0
    "Rows of files that are filed by day or hour may be so many days older: they came late."
    timezone: Annotated[str, AfterValidator(_is_a_zone)] = "UTC"
    "Of times that name none."
    time_unit: TimeUnit | None = None
    "Of times that are numbers: s, ms, us or ns; null: told by their size."
    time_format: str | None = None
    "As in strftime, for times that are neither ISO 8601 nor numbers."

    @property
    def times(self) -> TimeForm:
        return TimeForm(self.timezone, self.time_unit, self.time_format)


class TableReader(Protocol):
    """Reads one file."""

    def __call__(self, file: RawFile, required: Sequence[str]) -> Iterator[Lines]:
        """All rows, some at a time; ``rows`` have the published columns in any type.

        Raises:
            SourceError: the file cannot be read, or lacks one of the columns ``required``.
        """
        ...


@dataclass
class _Span:
    """Between which sane times events were seen."""

    first: datetime | None = None
    last: datetime | None = None

    def reach(self, moments: pl.Series) -> None:
        for moment in (moments.min(), moments.max()):
            if isinstance(moment, datetime):
                self.first = min(self.first or moment, moment)
                self.last = max(self.last or moment, moment)


class Tables:
    """Files that one reader can read. Those that are not filed by time are read as a whole, in batches."""

    def __init__(self, params: TableParams, surroundings: Surroundings, reader: TableReader) -> None:
        self._params = params
        self._reader = reader
        self._path = FiledPath(params.path, surroundings.settings, late_days=params.late_days)
        self._item_path = FiledPath(params.items.path, surroundings.settings) if params.items else None
        self._earliest, self._latest = (
            datetime.combine(date.fromisoformat(day), time(), UTC)
            for day in (surroundings.quality.earliest, surroundings.quality.latest)
        )
        self._span: _Span | None = None
        self.filed = self._path.filed

    def days(self) -> DayRange:
        if self.filed:
            first, last = self._path.days()
            return DayRange(first.date(), last.date())
        if self._span is None:
            for _ in self._events(self._earliest, self._latest):
                pass
        if self._span is None or self._span.first is None or self._span.last is None:
            raise SourceError(
                f"{self._params.path}: found no row with a time from {self._earliest:%Y-%m-%d} until "
                f"{self._latest:%Y-%m-%d}; correct columns.timestamp or quality.earliest in the site's YAML"
            )
        return DayRange(self._span.first.date(), self._span.last.date())

    def read(self, start: datetime, end: datetime) -> Iterator[RawBatch]:
        yield from self._events(start, end)
        if self._params.items and self._item_path:
            for file, filing in self._item_path.files(start, end):
                yield from self._items(file, filing, self._params.items)

    def _events(self, start: datetime, end: datetime) -> Iterator[RawBatch]:
        span = _Span()
        for file, filing in self._path.files(start, end):
            try:
                for batch in self._told(file, filing):
                    if filing is None:
                        span.reach(self._sane(batch.rows[c.TIMESTAMP]))
                    yield batch
            except SourceError as fault:
                if filing is None:
                    raise
                yield replace(NO_BATCH, unreadable={filing.start.date(): str(fault)})
        self._span = span

    def _told(self, file: RawFile, filing: Filing | None) -> Iterator[RawBatch]:
        columns, rows = self._params.columns, 0
        for lines in self._reader(file, columns.required):
            for part in lines.rows.iter_slices(ROWS_AT_ONCE):
                batch = events(part, columns, self._params.times, filing)
                rows += batch.rows.height
                yield batch
            if lines.rejected.height:
                rows += lines.rejected.height
                yield rejected(lines.rejected, filing=filing)
        day = filing.start.date() if filing else None
        told = SourceFile(name=file.name, rows=rows, sha256=file.sha256, day=day)
        yield replace(NO_BATCH, files=(told,), filing=filing)

    def _items(self, file: RawFile, filing: Filing | None, params: ItemParams) -> Iterator[RawBatch]:
        bad = 0
        for lines in self._reader(file, params.required):
            for part in lines.rows.iter_slices(ROWS_AT_ONCE):
                updates, rows, originals = item_updates(
                    part, params, self._params.times, earliest=self._earliest, latest=self._latest
                )
                bad += rows.height
                yield RawBatch(rows, originals, updates, filing=filing)
            if lines.rejected.height:
                bad += lines.rejected.height
                yield rejected(lines.rejected, filing=filing)
        day = filing.start.date() if filing else None
        yield replace(
            NO_BATCH, files=(SourceFile(name=file.name, rows=bad, sha256=file.sha256, day=day),), filing=filing
        )

    def _sane(self, moments: pl.Series) -> pl.Series:
        return moments.filter(moments.is_between(self._earliest, self._latest, closed="left"))
