"""The files of the offline commands: read as they are, or refused with what is wrong."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.errors import SchemaError, SourceError
from recsys.types import ItemId, UserId

REQUIRED: Final = (c.USER_ID, c.ITEM_ID)
EVENTS: Final = pl.Schema(
    {
        c.USER_ID: pl.String(),
        c.ITEM_ID: pl.String(),
        c.EVENT_TYPE: pl.String(),
        c.VALUE: pl.Float64(),
        c.TIMESTAMP: pl.Datetime("us", "UTC"),
    }
)
"""What is read of a file of events, in its order; ``timestamp`` is null in all rows where only the order is known."""
VIEW: Final = "view"
"""The event type of rows without one."""


def read_events(path: Path) -> pl.DataFrame:
    """The rows of a Parquet file, schema EVENTS; columns that are absent but for the ids are null, other ones left out.

    Raises:
        SourceError: no such file, not Parquet, or without rows.
        SchemaError: columns that are needed are absent or of no usable type, ids that are null, or a timestamp in some
            rows and not in others.
    """
    table = _parquet(path)
    absent = [name for name in REQUIRED if name not in table.columns]
    if absent:
        raise SchemaError(f"{path}: found columns {table.columns}, expected {list(EVENTS)}; add {absent}")
    if table.is_empty():
        raise SourceError(f"{path}: found no rows, expected one per event; name another file")
    known = table.select(_typed(path, table, name, kind) for name, kind in EVENTS.items())
    nulls = known.select(pl.any_horizontal(pl.col(*REQUIRED).is_null()).sum()).item()
    if nulls:
        raise SchemaError(f"{path}: found {nulls} rows without user_id or item_id; leave them out")
    timeless = known[c.TIMESTAMP].null_count()
    if timeless not in (0, known.height):
        raise SchemaError(
            f"{path}: found {timeless} of {known.height} rows without timestamp, expected all rows with one, or none "
            "where only the order of rows is known; fill in or leave out such rows"
        )
    return known.with_columns(pl.col(c.EVENT_TYPE).fill_null(VIEW))


def read_items(path: Path) -> pl.DataFrame:
    """What is told of items: item_id, each once (the last row counts), and any other columns.

    Raises:
        SourceError: no such file, or not Parquet.
        SchemaError: there is no item_id.
    """
    table = _parquet(path)
    if c.ITEM_ID not in table.columns:
        raise SchemaError(f"{path}: found columns {table.columns}, expected item_id among them; rename the id's column")
    return table.with_columns(pl.col(c.ITEM_ID).cast(pl.String)).unique(c.ITEM_ID, keep="last", maintain_order=True)


def read_users(path: Path) -> list[UserId]:
    """One id a line, each once, in the order of the file.

    Raises:
        SourceError: no such file, or none in it.
    """
    users = list(dict.fromkeys(line.strip() for line in _lines(path) if line.strip()))
    if not users:
        raise SourceError(f"{path}: found no user id, expected one a line; name another file")
    return users


def read_sessions(path: Path) -> list[list[ItemId]]:
    """One session a line: item ids between blanks, oldest first; the sessions in the order of time.

    Empty lines are left out.

    Raises:
        SourceError: no such file, or no session in it.
    """
    sessions = [items for line in _lines(path) if (items := line.split())]
    if not sessions:
        raise SourceError(f"{path}: found no session, expected item ids between blanks, one session a line")
    return sessions


def read_cases(path: Path) -> list[list[ItemId]]:
    """One case a line: item ids between blanks, oldest first. What follows a tab is the answer and is not read.

    Raises:
        SourceError: no such file, no case in it, or a case without items.
    """
    cases = [line.split("\t")[0].split() for line in _lines(path)]
    if not cases:
        raise SourceError(f"{path}: found no case, expected item ids between blanks, one case a line")
    empty = [number for number, items in enumerate(cases, start=1) if not items]
    if empty:
        raise SourceError(
            f"{path}: found {len(empty)} cases without items, the first in line {empty[0]}; expected item ids between "
            "blanks before the tab; leave such lines out"
        )
    return cases


def _parquet(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise SourceError(f"found no file {path}, expected a Parquet file")
    try:
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as fault:
        raise SourceError(f"{path}: found no Parquet that can be read ({fault}); write the file again") from fault


def _lines(path: Path) -> Sequence[str]:
    if not path.is_file():
        raise SourceError(f"found no file {path}, expected a text file")
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as fault:
        raise SourceError(f"{path}: found bytes that are no UTF-8 ({fault}); save the file as UTF-8") from fault


def _typed(path: Path, table: pl.DataFrame, name: str, kind: pl.DataType) -> pl.Expr:
    if name not in table.columns:
        return pl.lit(None, kind).alias(name)
    found = table.schema[name]
    if name == c.TIMESTAMP and not (found.is_temporal() or found == pl.Null):
        raise SchemaError(f"{path}: found timestamp of type {found}, expected a time (UTC) or null; cast the column")
    if isinstance(found, pl.Datetime) and found.time_zone is None and name == c.TIMESTAMP:
        return pl.col(name).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    if name == c.VALUE and not (found.is_numeric() or found == pl.Null):
        raise SchemaError(f"{path}: found value of type {found}, expected a number or null; cast the column")
    return pl.col(name).cast(kind)
