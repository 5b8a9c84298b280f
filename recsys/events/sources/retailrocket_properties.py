"""What RetailRocket publishes of its items: category and availability, and since when."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.errors import SourceError
from recsys.events.raw import SourceFile
from recsys.events.schema import ITEM_UPDATES, QUARANTINE, TIME, filled
from recsys.events.sources.attributes import CATEGORY_PATH, as_attributes

ITEM: Final = "itemid"
PROPERTY: Final = "property"
CONTENT: Final = "value"
PUBLISHED_TIME: Final = "timestamp"
HEADER: Final = [PUBLISHED_TIME, ITEM, PROPERTY, CONTENT]

BAD_PROPERTY: Final = "bad_item_property"


def read_properties(
    folder: Path, category_paths: Mapping[str, Sequence[str]]
) -> tuple[pl.DataFrame, pl.DataFrame, tuple[SourceFile, ...]]:
    """Item updates (schema ITEM_UPDATES), rows that make none (schema QUARANTINE), and the files read.

    All three are empty where the folder has no ``item_properties_part*.csv``. Other properties are not looked at. With
    a category comes its path, among the attributes; one that the tree does not have is its own path.

    Raises:
        SourceError: a file has another header.
    """
    updates = [pl.DataFrame(schema=ITEM_UPDATES)]
    bad = [pl.DataFrame(schema=QUARANTINE)]
    files = []
    for file in sorted(folder.glob("item_properties_part*.csv")):
        told = _read(file)
        usable = (
            pl.col(c.TIMESTAMP).is_not_null()
            & pl.col(c.ITEM_ID).is_not_null()
            & (pl.col(c.AVAILABLE).is_not_null() | pl.col(c.CATEGORY).is_not_null())
        )
        updates.append(filled(_with_paths(told.filter(usable), category_paths), ITEM_UPDATES))
        bad.append(told.filter(~usable).select(QUARANTINE.names()))
        files.append(SourceFile(name=file.name, rows=bad[-1].height, sha256=_sha256(file)))
    return pl.concat(updates), pl.concat(bad), tuple(files)


def _read(file: Path) -> pl.DataFrame:
    """The rows about category and availability, each with what it tells and where it stands."""
    with file.open("rb") as content:
        header = content.readline().decode("utf-8", errors="replace").rstrip("\r\n")
    if header != ",".join(HEADER):
        raise SourceError(
            f"{file}: found the header {header[:200]!r}, expected {','.join(HEADER)}; use the file as published"
        )
    name, value = pl.col(PROPERTY), pl.col(CONTENT)
    lines = pl.scan_csv(
        file,
        infer_schema=False,
        quote_char=None,
        encoding="utf8-lossy",
        truncate_ragged_lines=True,
        row_index_name=c.SOURCE_LINE,
    )
    milliseconds = pl.col(PUBLISHED_TIME).cast(pl.Int64, strict=False)
    bounded = pl.when(milliseconds.is_between(0, 10**14)).then(milliseconds)
    told = lines.filter(name.is_in(["categoryid", "available"])).select(
        pl.col(ITEM).alias(c.ITEM_ID),
        bounded.cast(pl.Datetime("ms")).dt.replace_time_zone("UTC").cast(TIME).alias(c.TIMESTAMP),
        pl.when(name == "categoryid").then(value).alias(c.CATEGORY),
        pl.when(name == "available")
        .then(value.replace_strict({"1": True, "0": False}, default=None))
        .alias(c.AVAILABLE),
        pl.lit(file.name).alias(c.SOURCE_FILE),
        (pl.col(c.SOURCE_LINE).cast(pl.Int64) + 2).alias(c.SOURCE_LINE),
        pl.lit(BAD_PROPERTY).alias(c.REASON),
        pl.struct(HEADER).struct.json_encode().alias(c.RAW),
    )
    return told.collect()


def _with_paths(told: pl.DataFrame, category_paths: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    categories = told[c.CATEGORY].drop_nulls().unique(maintain_order=True)
    attributes = [as_attributes({CATEGORY_PATH: category_paths.get(each, [each])}) for each in categories]
    paths = pl.DataFrame({c.CATEGORY: categories, c.ATTRIBUTES: pl.Series(attributes, dtype=pl.String)})
    return told.join(paths, on=c.CATEGORY, how="left", maintain_order="left")


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
