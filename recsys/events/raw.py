"""What a source hands over: every row it read, good or bad, with the file and line it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.events.schema import INTERACTIONS, ITEM_UPDATES, QUARANTINE
from recsys.types import Frozen

RAW: Final = pl.Schema({**INTERACTIONS, c.DAY: pl.Date(), **QUARANTINE})
"""One row per raw row, in the order of the files. Nothing is checked yet: any column of INTERACTIONS may be null.

``day`` is the UTC day the file says the row belongs to; null where a file has many days. ``reason`` is the fault the
source itself found; null where it found none. ``raw`` is the row as one JSON object, by the published names; null where
these are the columns of INTERACTIONS.
"""


class SourceFile(Frozen):
    """One file that was read."""

    name: str
    rows: int
    "Rows that are counted: every line after the header; of a file that has no events, those that cannot be used."
    sha256: str
    day: date | None = None
    "The one UTC day the file is of; None where it has many."


@dataclass(frozen=True)
class RawBatch:
    """Some days of a source."""

    rows: pl.DataFrame
    "Schema RAW: the rows of these days, and all rows whose day cannot be told."
    item_updates: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ITEM_UPDATES))
    "Schema ITEM_UPDATES, of these days."
    files: tuple[SourceFile, ...] = ()
    unreadable: Mapping[date, str] = field(default_factory=dict)
    "Days whose file is not in the published form, and what is wrong with it. They have no rows here."


def from_interactions(interactions: pl.DataFrame, *, source: str) -> pl.DataFrame:
    """Events that are interactions already (schema INTERACTIONS) as raw rows; ``source`` stands for the file."""
    found = interactions.with_columns(
        pl.col(c.TIMESTAMP).dt.date().alias(c.DAY),
        pl.lit(source).alias(c.SOURCE_FILE),
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(c.SOURCE_LINE),
        pl.lit(None, pl.String).alias(c.REASON),
        pl.lit(None, pl.String).alias(c.RAW),
    )
    return found.select(RAW.names())
