"""Files of events in rows and columns, whatever their format: which column is which stands in the site's YAML."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from functools import partial
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl
from pydantic import AfterValidator, NonNegativeInt

from recsys import columns as c
from recsys.errors import SourceError
from recsys.events.ahead import ahead
from recsys.events.filed import FiledPath
from recsys.events.files import RawFile
from recsys.events.lines import Lines
from recsys.events.raw import NO_BATCH, Filing, RawBatch, SourceFile, rejected
from recsys.events.s3_objects import S3_SCHEME
from recsys.events.sources.item_files import ItemParams, items
from recsys.events.sources.mapping import EventColumns, events
from recsys.events.sources.source import DayRange, Surroundings
from recsys.events.times import TimeForm, TimeUnit
from recsys.sites.config import QualityPolicy
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

    folder: str = ""
    "Where relative paths begin, local or s3://bucket/prefix."
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

    def place(self, path: str) -> str:
        """The whole path."""
        if not self.folder or path.startswith(("/", S3_SCHEME)):
            return path
        return f"{self.folder.rstrip('/')}/{path}"

    @property
    def times(self) -> TimeForm:
        return TimeForm(self.timezone, self.time_unit, self.time_format)


Teller = Callable[[pl.DataFrame, Filing | None], RawBatch]
"What the rows of a frame tell: published columns, source_file and source_line; and where they were filed."


@dataclass(frozen=True)
class Table:
    """Files of one form."""

    path: FiledPath
    read: Callable[[RawFile], Iterator[Lines]]
    tell: Teller

    def batches(self, start: datetime, end: datetime) -> Generator[RawBatch, None, None]:
        """What all files tell that may have rows of this span; all there are, where they are not filed by time."""
        for file, filing in self.path.files(start, end):
            try:
                yield from self._told(file, filing)
            except SourceError as fault:
                if filing is None:
                    raise
                yield replace(NO_BATCH, filing=filing, unreadable=str(fault))

    def _told(self, file: RawFile, filing: Filing | None) -> Iterator[RawBatch]:
        rows = 0
        for lines in self.read(file):
            for part in lines.rows.iter_slices(ROWS_AT_ONCE):
                batch = self.tell(part, filing)
                rows += batch.rows.height
                yield batch
            if lines.rejected.height:
                rows += lines.rejected.height
                yield rejected(lines.rejected, filing=filing)
        day = filing.start.date() if filing else None
        told = SourceFile(name=file.name, rows=rows, sha256=file.sha256, day=day)
        yield replace(NO_BATCH, files=(told,), filing=filing)


class TableSource:
    """Some tables; the first one says which days there are. What is not filed by time is read as a whole, in parts."""

    def __init__(self, place: str, tables: Sequence[Table], quality: QualityPolicy) -> None:
        self._place = place
        self._tables = tables
        self._earliest, self._latest = midnight(quality.earliest), midnight(quality.latest)
        self._reach: DayRange | None = None
        self._digests: dict[str, str] = {}
        self.filed = tables[0].path.filed

    def days(self) -> DayRange:
        if self.filed:
            first, last = self._tables[0].path.days()
            return DayRange(first.date(), last.date())
        if self._reach is None:
            for _ in self.read(self._earliest, self._latest):
                pass
        if self._reach is None:
            raise SourceError(
                f"{self._place}: found no row with a time from {self._earliest:%Y-%m-%d} until "
                f"{self._latest:%Y-%m-%d}; correct columns.timestamp or quality.earliest in the site's YAML"
            )
        return self._reach

    def stored(self, start: datetime, end: datetime) -> dict[str, str] | None:
        """As ``Stored``; None where events may come late: which of the later files has some is known by reading it."""
        if any(table.path.waits for table in self._tables):
            return None
        files = [file for table in self._tables for file, _ in table.path.files(start, end)]
        return {file.name: self._digest(file) for file in files}

    def _digest(self, file: RawFile) -> str:
        """Once for each file: one that is not filed by time is asked for with every partition."""
        if file.location not in self._digests:
            self._digests[file.location] = file.digest()
        return self._digests[file.location]

    def read(self, start: datetime, end: datetime) -> Iterator[RawBatch]:
        first, last = self._latest, self._earliest
        for table in self._tables:
            for batch in ahead(table.batches(start, end)):
                if not self.filed:
                    sane = batch.rows.filter(
                        pl.col(c.TIMESTAMP).is_between(self._earliest, self._latest, closed="left")
                    )
                    if sane.height:
                        low, high = sane.select(low=pl.col(c.TIMESTAMP).min(), high=pl.col(c.TIMESTAMP).max()).row(0)
                        first, last = min(first, low), max(last, high)
                yield batch
        self._reach = DayRange(first.date(), last.date()) if first <= last else None


def mapped(
    params: TableParams, surroundings: Surroundings, read: Callable[[RawFile, Sequence[str]], Iterator[Lines]]
) -> TableSource:
    """The source whose columns stand in the site's YAML.

    Args:
        params: which files, which columns.
        surroundings: what is sane, and where S3 is.
        read: one file, given the columns that it must have.
    """
    settings, quality, times = surroundings.settings, surroundings.quality, params.times
    tables = [
        Table(
            FiledPath(params.place(params.path), settings, late_days=params.late_days),
            lambda file: read(file, params.columns.required),
            partial(events, params.columns, times),
        )
    ]
    if catalogue := params.items:
        sane = midnight(quality.earliest), midnight(quality.latest)
        tables.append(
            Table(
                FiledPath(params.place(catalogue.path), settings),
                lambda file: read(file, catalogue.required),
                partial(items, catalogue, times, sane),
            )
        )
    return TableSource(params.place(params.path), tables, quality)


def midnight(day: str) -> datetime:
    """When the UTC day starts."""
    return datetime.combine(date.fromisoformat(day), time(), UTC)
