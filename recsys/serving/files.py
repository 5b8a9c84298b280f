"""The files of a release that go into Postgres: their columns, and how they are written and read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from recsys import columns as c
from recsys.errors import SchemaError, SourceError
from recsys.events.schema import ITEMS

RECOMMENDATIONS: Final = pl.Schema(
    {
        c.USER_ID: pl.String(),
        c.ITEM_IDS: pl.List(pl.String()),
        c.SCORES: pl.List(pl.Float32()),
        c.SOURCES: pl.List(pl.String()),
        c.BECAUSE_ITEMS: pl.List(pl.List(pl.String())),
        c.EXCLUDED_ITEMS: pl.List(pl.String()),
        c.BOUGHT_ITEMS: pl.List(pl.String()),
        c.SEEN_ITEMS: pl.List(pl.String()),
    }
)
"""One row per user. The first four lists have one element per item, best first. The others stand apart: items that must
not be shown, that the user had bought, and that the user had done something else with."""
ADDED: Final = (c.BOUGHT_ITEMS, c.SEEN_ITEMS)
"""Lists that files of older releases lack; they are empty there."""

SIMILAR: Final = pl.Schema(
    {c.ITEM_ID: pl.String(), c.SIMILAR_ITEM_ID: pl.String(), c.SCORE: pl.Float64(), c.RANK: pl.Int32()}
)
"""One row per item and neighbour; rank dense from 1 per item; an item is not its own neighbour."""

TOP_POPULAR: Final = pl.Schema(
    {c.CATEGORY: pl.String(), c.ITEM_ID: pl.String(), c.SCORE: pl.Float64(), c.RANK: pl.Int32()}
)
"""One row per category and item; category '' is the whole catalogue; scores of all categories are comparable."""

CATALOGUE: Final = pl.Schema({name: ITEMS[name] for name in (c.ITEM_ID, c.TITLE, c.CATEGORY, c.PRICE, c.AVAILABLE)})
"""One row per item, as of the release: what an answer shows; an item that is not in it is never shown."""

FILES: Final[dict[str, pl.Schema]] = {
    "recommendations.parquet": RECOMMENDATIONS,
    "similar.parquet": SIMILAR,
    "top_popular.parquet": TOP_POPULAR,
    "items.parquet": CATALOGUE,
}
"""Name to schema; ``manifest_rows`` of a release counts the rows of each of these files."""

BATCH_ROWS: Final = 20_000


def read_file(folder: Path, name: str) -> pl.DataFrame:
    """The whole file, in the columns and types of ``FILES[name]``.

    Raises:
        SourceError: the file is missing or is no Parquet file.
        SchemaError: columns are missing, or have a type that does not become the expected one.
    """
    return pl.concat([pl.DataFrame(schema=FILES[name]), *read_batches(folder, name)])


def read_batches(folder: Path, name: str) -> Iterator[pl.DataFrame]:
    """The file's rows in order, at most ``BATCH_ROWS`` at a time, so that a file larger than memory can pass."""
    for batch in _batches(folder / name):
        yield conform(batch, name)


def conform(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """``frame`` with exactly the columns and types of ``FILES[name]``; more columns than asked are left out."""
    schema = FILES[name]
    added = [column for column in ADDED if column in schema and column not in frame.columns]
    frame = frame.with_columns(pl.lit([], dtype=schema[column]).alias(column) for column in added)
    missing = [column for column in schema if column not in frame.columns]
    if missing:
        raise SchemaError(f"{name}: missing {', '.join(missing)}; found {frame.columns}, expected {list(schema)}")
    try:
        return frame.select(list(schema)).cast(schema)
    except pl.exceptions.PolarsError as fault:
        raise SchemaError(f"{name}: found {frame.schema}, expected {schema}: {fault}") from fault


def _batches(path: Path) -> Iterator[pl.DataFrame]:
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                yield pl.DataFrame(batch)
    except FileNotFoundError:
        raise SourceError(
            f"found no {path.name} in {path.parent}; expected the files of a release: {', '.join(FILES)}"
        ) from None
    except (OSError, pa.ArrowException) as fault:
        raise SourceError(f"{path}: cannot be read as Parquet: {fault}") from fault
