"""Which file of a release becomes which of its tables, and how."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from recsys.serving.files import read_batches, read_file
from recsys.serving.rows import item_rows, popular_rows, similar_rows, slate_rows


@dataclass(frozen=True)
class Part:
    """One table of a release: the file it comes from and how rows are made of it."""

    table: str
    file: str
    columns: tuple[str, ...]
    counted: str
    "SQL: how many rows of the file the table holds."
    batches: Callable[[Path], Iterator[pl.DataFrame]]


PARTS: Final = (
    Part(
        "item",
        "items.parquet",
        ("item_id", "title", "category", "price", "available", "popularity_rank"),
        "count(*)",
        lambda folder: iter([item_rows(read_file(folder, "items.parquet"), read_file(folder, "top_popular.parquet"))]),
    ),
    Part(
        "popular",
        "top_popular.parquet",
        ("category", "item_ids", "scores"),
        "coalesce(sum(cardinality(item_ids)), 0)",
        lambda folder: iter([popular_rows(read_file(folder, "top_popular.parquet"))]),
    ),
    Part(
        "similar",
        "similar.parquet",
        ("item_id", "item_ids", "scores"),
        "coalesce(sum(cardinality(item_ids)), 0)",
        lambda folder: iter([similar_rows(read_file(folder, "similar.parquet"))]),
    ),
    Part(
        "slate",
        "recommendations.parquet",
        ("user_id", "item_ids", "scores", "sources", "because", "excluded", "bought", "seen"),
        "count(*)",
        lambda folder: map(slate_rows, read_batches(folder, "recommendations.parquet")),
    ),
)
