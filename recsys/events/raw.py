"""What a source hands over: every row it read, good or bad, with the file and line it came from."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.events.schema import INTERACTIONS, ITEM_UPDATES, filled
from recsys.types import Frozen

RAW: Final = pl.Schema(
    {
        **INTERACTIONS,
        c.ITEMS: pl.List(pl.String()),
        c.RELEASE_ID: pl.String(),
        c.SOURCE_FILE: pl.String(),
        c.SOURCE_LINE: pl.Int64(),
        c.REASON: pl.String(),
    }
)
"""One row per raw row, in the order of the files. Nothing is checked yet: any column but the last three may be null.

A row with ``items`` is an impression; every other row is an interaction. ``reason`` is the fault the source itself
found; null where it found none.
"""


class SourceFile(Frozen):
    """One file that was read."""

    name: str
    rows: int
    "Rows that are counted: all that its lines tell; of a file that has no events, those that cannot be used."
    sha256: str
    day: date | None = None
    "The one UTC day the file is of; None where it has many."


@dataclass(frozen=True)
class Filing:
    """Where a batch was filed: its folder or file name says that its rows happened from ``start`` until ``end``."""

    start: datetime
    end: datetime
    late: timedelta = timedelta()
    "A row may be this much older than ``start``: it was late, and belongs to its own time."

    @classmethod
    def on(cls, day: date, *, late_days: int = 0) -> "Filing":
        """Filed under one UTC day."""
        start = datetime.combine(day, time(), UTC)
        return cls(start, start + timedelta(days=1), timedelta(days=late_days))


@dataclass(frozen=True)
class RawBatch:
    """Some rows of a source, few enough to be held in memory."""

    rows: pl.DataFrame
    "Schema RAW."
    originals: pl.DataFrame
    "The same rows under their published names, as read; what a person sees of a row that is set aside."
    item_updates: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ITEM_UPDATES))
    "Schema ITEM_UPDATES."
    files: tuple[SourceFile, ...] = ()
    "Files whose last rows are in this batch."
    filing: Filing | None = None
    "None: the rows may be of any time."
    unreadable: str | None = None
    "Why the files of ``filing`` cannot be read; None where they can. Such a batch has no rows."


NO_BATCH: Final = RawBatch(pl.DataFrame(schema=RAW), pl.DataFrame())


def from_interactions(interactions: pl.DataFrame, *, source: str) -> RawBatch:
    """Events that are interactions already (schema INTERACTIONS); ``source`` stands for the file."""
    rows = interactions.with_columns(
        pl.lit(source).alias(c.SOURCE_FILE), pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(c.SOURCE_LINE)
    )
    return RawBatch(filled(rows, RAW), interactions)


def rejected(lines: pl.DataFrame, *, filing: Filing | None = None) -> RawBatch:
    """Lines that are not rows (schema QUARANTINE), so that they are counted and set aside like every other."""
    return RawBatch(filled(lines, RAW), lines.select(c.RAW), filing=filing)


def whole(batches: Iterable[RawBatch]) -> RawBatch:
    """All batches of one filing as one; for sources that are small, and for tests."""
    found = list(batches)
    if not found:
        return NO_BATCH
    return RawBatch(
        rows=pl.concat(batch.rows for batch in found),
        originals=pl.concat((batch.originals for batch in found), how="diagonal_relaxed"),
        item_updates=pl.concat(batch.item_updates for batch in found),
        files=tuple(file for batch in found for file in batch.files),
        filing=found[0].filing,
        unreadable=next((batch.unreadable for batch in found if batch.unreadable), None),
    )
