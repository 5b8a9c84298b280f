"""The folders of Snowplow's enriched events, ``YYYY/MM/DD/HH/``, hour by hour."""

import glob
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.errors import SourceError
from recsys.events.files import RawFile, find
from recsys.events.raw import NO_BATCH, Filing, RawBatch, SourceFile
from recsys.events.sources.snowplow.dwell import dwell
from recsys.events.sources.snowplow.params import SnowplowParams
from recsys.events.sources.snowplow.table import TABLE, Asking
from recsys.events.sources.snowplow.telling import pings, timed, told
from recsys.events.sources.source import DayRange, Surroundings

HOUR: Final = timedelta(hours=1)
LINES_AT_ONCE: Final = 50_000
BOM: Final = b"\xef\xbb\xbf"


class Snowplow:
    """Page views, dwell times, impressions and clicks, each filed under the hour in which it was loaded.

    An event's time is the device's, corrected by Snowplow, so that it may lie before its folder. Events of other
    app_ids are other sites' rows: they are neither told nor counted here. Lines that cannot be read are anybody's, and
    every site counts them.
    """

    filed = True

    def __init__(self, params: SnowplowParams, surroundings: Surroundings) -> None:
        self._params = params
        self._asking = Asking(params, surroundings.quality.line_pattern)
        self._settings = surroundings.settings
        self._late = timedelta(days=params.late_days)

    def days(self) -> DayRange:
        return DayRange(min(self._hours).date(), max(self._hours).date())

    def read(self, start: datetime, end: datetime) -> Iterator[RawBatch]:
        for hour, files in self._hours.items():
            if start <= hour < end + self._late:
                filing = Filing(hour, hour + HOUR, self._late)
                try:
                    yield from self._batches(files, filing)
                except SourceError as fault:
                    yield replace(NO_BATCH, filing=filing, unreadable=str(fault))

    def _batches(self, files: list[RawFile], filing: Filing) -> Iterator[RawBatch]:
        """One hour. It is read once where it fits into memory; else once for its visits, and again for its rows."""
        beats: list[pl.DataFrame] = []
        held: list[tuple[pl.DataFrame, SourceFile | None]] = []
        height = 0
        for table, file in self._tables(files):
            beats.append(pings(table, filing))
            height += table.height
            held = [*held, (table, file)] if height <= LINES_AT_ONCE else []
        visits = dwell(pl.concat(beats), filing.start, heartbeat_seconds=self._params.heartbeat_seconds)
        for table, file in held or self._tables(files):
            rows = told(table, visits, filing, self._params)
            originals = table.drop(c.SOURCE_FILE, c.SOURCE_LINE, c.TIMESTAMP, c.REASON)
            yield RawBatch(rows, originals, files=(file,) if file else (), filing=filing)

    def _tables(self, files: list[RawFile]) -> Iterator[tuple[pl.DataFrame, SourceFile | None]]:
        """The site's rows with their time, some at once; with the last of a file, the file."""
        for file in files:
            first_line, count = 1, 0
            with file.open() as content:
                lines = (line.removeprefix(BOM) for line in content)
                while some := list(islice(lines, LINES_AT_ONCE)):
                    table = self._asking.table(some, file=file.name, first_line=first_line)
                    first_line += len(some)
                    count += table.height
                    yield timed(table), None
            whole = SourceFile(name=file.name, rows=count, sha256=file.sha256, day=_hour_of(file).date())
            yield timed(pl.DataFrame(schema=TABLE)), whole

    @cached_property
    def _hours(self) -> dict[datetime, list[RawFile]]:
        """The files by their hour, in order; names that start with _ or . are marks of other programs."""
        root = self._params.path.rstrip("/")
        hours: dict[datetime, list[RawFile]] = {}
        for file in find(f"{glob.escape(root)}/*/*/*/*/*", self._settings):
            if not file.name.rpartition("/")[2].startswith(("_", ".")):
                hours.setdefault(_hour_of(file), []).append(file)
        if not hours:
            raise SourceError(f"{root}: found no file of events, expected some in YYYY/MM/DD/HH/; bring them there")
        return dict(sorted(hours.items()))


def _hour_of(file: RawFile) -> datetime:
    folder = "/".join(file.location.split("/")[-5:-1])
    try:
        hour = datetime.strptime(folder, "%Y/%m/%d/%H").replace(tzinfo=UTC)
    except ValueError:
        hour = None
    if hour is None or f"{hour:%Y/%m/%d/%H}" != folder:
        raise SourceError(
            f"{file.location}: found the folder {folder}, expected an hour, as 2026/01/31/09; correct "
            "source.params.path in the site's YAML, or move the file, so that no row is missed"
        )
    return hour
