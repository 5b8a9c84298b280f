"""RetailRocket's tree of categories: where each one hangs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.events.lines import read_csv_lines
from recsys.events.raw import SourceFile
from recsys.events.schema import QUARANTINE

CATEGORY: Final = "categoryid"
PARENT: Final = "parentid"
"Empty: the category is a root."
FILE: Final = "category_tree.csv"

BAD_CATEGORY: Final = "bad_category"


def read_categories(folder: Path) -> tuple[dict[str, list[str]], pl.DataFrame, tuple[SourceFile, ...]]:
    """The path of each category, from itself up to its root; lines that tell none (schema QUARANTINE); the file read.

    All are empty where the folder has no ``category_tree.csv``. A line without a category tells none, nor does one that
    gives a category another parent than a line before it.

    Raises:
        SourceError: the file has another header.
    """
    file = folder / FILE
    if not file.exists():
        return {}, pl.DataFrame(schema=QUARANTINE), ()
    lines = read_csv_lines(file, forms=[(CATEGORY, PARENT)])
    first_parent = pl.col(PARENT).first().over(CATEGORY)
    tells = pl.col(CATEGORY).is_not_null() & pl.col(PARENT).eq_missing(first_parent)
    bad = lines.rows.filter(~tells).select(
        c.SOURCE_FILE,
        c.SOURCE_LINE,
        pl.lit(BAD_CATEGORY).alias(c.REASON),
        pl.struct(CATEGORY, PARENT).struct.json_encode().alias(c.RAW),
    )
    aside = pl.concat([lines.rejected, bad])
    parents = dict(lines.rows.filter(tells).select(CATEGORY, PARENT).iter_rows())
    return (
        {category: path_to_root(category, parents) for category in parents},
        aside,
        (SourceFile(name=file.name, rows=aside.height, sha256=lines.sha256),),
    )


def path_to_root(category: str, parents: Mapping[str, str | None]) -> list[str]:
    """From ``category`` up; it ends at a root, at a parent that the tree does not have, or before it would go round."""
    path = [category]
    while (parent := parents.get(path[-1])) and parent not in path:
        path.append(parent)
    return path
