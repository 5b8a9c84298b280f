"""A delimited text that holds the rows of many days, in any order, as some published data sets do."""

import glob
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.errors import SourceError
from recsys.events.files import RawFile, find
from recsys.events.lines import TextForm, read_lines
from recsys.events.raw import NO_BATCH, RAW, RawBatch, SourceFile, rejected
from recsys.events.schema import filled
from recsys.events.sources.source import Surroundings
from recsys.events.validation import Rules

NO_ITEM_ID: Final = "missing_item_id"

LINE: Final = "line"
"Which of the lines given to ``told`` a row comes from, from 0."


@dataclass(frozen=True)
class Unfiled:
    """One file of events. Any span of time reads it from beginning to end, in parts."""

    file: RawFile
    form: TextForm
    moment: pl.Expr
    "A line's time (UTC), of the published columns; null where it cannot be told."
    told: Callable[[pl.DataFrame], pl.DataFrame]
    """The rows of some lines: columns of RAW (those it leaves out are null) and LINE. It is given the published
    columns, where they stand, LINE and timestamp."""

    def read(self, start: datetime, end: datetime, surroundings: Surroundings) -> Iterator[RawBatch]:
        """The rows of this span, and those without a sane time; the last batch names the file."""
        span = pl.col(c.TIMESTAMP).is_between(start, end, closed="left")
        asked = (span | ~sane(surroundings)).fill_null(True)
        count = 0
        form = replace(self.form, pattern=surroundings.quality.line_pattern)
        for lines in read_lines(self.file, form):
            rows = self.told(lines.rows.with_row_index(LINE).with_columns(self.moment.alias(c.TIMESTAMP)))
            count += rows.height + lines.rejected.height
            rows = rows.filter(asked)
            published = lines.rows.drop(c.SOURCE_FILE, c.SOURCE_LINE)
            yield RawBatch(filled(rows, RAW), published[rows[LINE].to_numpy()])
            yield rejected(lines.rejected)
        yield replace(NO_BATCH, files=(SourceFile(name=self.file.name, rows=count, sha256=self.file.sha256),))

    def times(self, surroundings: Surroundings) -> pl.DataFrame:
        """The sane times of its rows: of each part that was read the first and the last, as ``timestamp``."""
        return pl.concat(
            lines.rows.select(self.moment.alias(c.TIMESTAMP))
            .filter(sane(surroundings))
            .select(pl.col(c.TIMESTAMP).min().append(pl.col(c.TIMESTAMP).max()))
            for lines in read_lines(self.file, self.form)
        )


def reach(events: Sequence[Unfiled], surroundings: Surroundings) -> tuple[date, date]:
    """The UTC days of the first and the last row with a sane time.

    Raises:
        SourceError: there is no such row.
    """
    times = pl.concat(each.times(surroundings) for each in events).to_series().drop_nulls().sort()
    if times.is_empty():
        quality = surroundings.quality
        raise SourceError(
            f"{events[0].file.location}: found no row with a time from {quality.earliest} until {quality.latest}; "
            "correct quality.earliest and quality.latest in the site's YAML, or fetch the file again"
        )
    return times[0].date(), times[-1].date()


def read_catalogue(
    file: RawFile, form: TextForm, item: str, updates: Callable[[pl.DataFrame], pl.DataFrame], *, wanted: bool
) -> Iterator[RawBatch]:
    """A text with one item per line: the item updates of some lines at a time, where they are ``wanted``.

    Lines that are no rows, or name no item, are set aside always: they have no time. The last batch names the file.

    Args:
        file: the text.
        form: how it is written.
        item: column of the item's id.
        updates: what rows that name an item tell, in the schema ITEM_UPDATES.
        wanted: whether the time of the updates was asked for.
    """
    bad = 0
    for lines in read_lines(file, form):
        named = pl.col(item).is_not_null()
        unnamed = lines.rows.filter(~named)
        bad += unnamed.height + lines.rejected.height
        told = updates(lines.rows.filter(named)) if wanted else NO_BATCH.item_updates
        places = unnamed.select(c.SOURCE_FILE, c.SOURCE_LINE, pl.lit(NO_ITEM_ID).alias(c.REASON))
        yield RawBatch(filled(places, RAW), unnamed.drop(c.SOURCE_FILE, c.SOURCE_LINE), item_updates=told)
        yield rejected(lines.rejected)
    yield replace(NO_BATCH, files=(SourceFile(name=file.name, rows=bad, sha256=file.sha256),))


def the_file(folder: str, name: str, surroundings: Surroundings) -> RawFile:
    """The one file of this name in ``folder`` (or under s3://bucket/prefix), plain or compressed.

    Raises:
        SourceError: there is none, or more than one.
    """
    pattern = f"{glob.escape(folder.rstrip('/'))}/{name}*"
    files = find(pattern, surroundings.settings)
    if len(files) > 1:
        raise SourceError(
            f"{pattern}: found {', '.join(file.name for file in files)}, expected one of them; move the others"
        )
    return files[0]


def sane(surroundings: Surroundings) -> pl.Expr:
    """Whether ``timestamp`` is one at which the site's events can have happened; null where it is null."""
    earliest, latest = (date.fromisoformat(day) for day in (surroundings.quality.earliest, surroundings.quality.latest))
    return Rules(event_types=(), earliest=earliest, latest=latest).sane


def midnight(day: date) -> datetime:
    """When a UTC day starts."""
    return datetime.combine(day, time(), UTC)
