"""What is told of items, as tokens: words of its texts, elements of its lists, and its other values as they are."""

import json
import re
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.errors import SchemaError

TOKEN: Final = "token"
TEXTS: Final = (c.TITLE, c.TEXT)
WITHOUT_TOKENS: Final = (c.ITEM_ID, c.AVAILABLE, c.IMAGE, c.PUBLISHED_AT)
WORD: Final = re.compile(r"\w{2,}")
PRICE_STEPS: Final = 10
"""A column of fractions is cut into as many steps of equal size."""


def item_tokens(items: pl.DataFrame) -> pl.DataFrame:
    """item_id and token, distinct and sorted; an item of which nothing is told has no rows.

    Args:
        items: item_id and any other columns. ``title`` and ``text`` give words; ``attributes``, a JSON object as text,
            gives its keys with their values; a list gives its elements; fractions give the tenth that they lie in;
            other values stand for themselves. A token carries its column's name.

    Raises:
        SchemaError: there is no item_id.
    """
    if c.ITEM_ID not in items.columns:
        raise SchemaError(f"found columns {items.columns} of items, expected item_id and any others; rename the id's")
    known = items.with_columns(pl.col(c.ITEM_ID).cast(pl.String)).filter(pl.col(c.ITEM_ID).is_not_null())
    told = [_tokens(known, name) for name in known.columns if name not in WITHOUT_TOKENS]
    none = pl.DataFrame(schema={c.ITEM_ID: pl.String, TOKEN: pl.String})
    return pl.concat([none, *told]).drop_nulls().unique().sort(c.ITEM_ID, TOKEN)


def _tokens(items: pl.DataFrame, name: str) -> pl.DataFrame:
    kind = items.schema[name]
    told = items.select(c.ITEM_ID, pl.col(name).alias(TOKEN)).drop_nulls()
    if name in TEXTS:
        told = told.with_columns(pl.col(TOKEN).cast(pl.String).str.to_lowercase().str.extract_all(WORD.pattern))
        told = told.explode(TOKEN)
    elif name == c.ATTRIBUTES and kind == pl.String:
        told = told.with_columns(pl.col(TOKEN).map_elements(_of_json, return_dtype=pl.List(pl.String))).explode(TOKEN)
    elif isinstance(kind, pl.List | pl.Array):
        told = told.explode(TOKEN).with_columns(pl.col(TOKEN).cast(pl.String))
    elif kind.is_float():
        steps = (pl.col(TOKEN).rank("ordinal") - 1) * PRICE_STEPS // pl.len()
        told = told.filter(pl.col(TOKEN).is_finite()).with_columns(steps.cast(pl.String))
    elif isinstance(kind, pl.Struct):
        told = told.with_columns(pl.col(TOKEN).struct.json_encode())
    else:
        told = told.with_columns(pl.col(TOKEN).cast(pl.String))
    return told.with_columns((f"{name}=" + pl.col(TOKEN)).alias(TOKEN))


def _of_json(text: str) -> list[str]:
    found = json.loads(text)
    pairs = found.items() if isinstance(found, dict) else [("", found)]
    return [f"{key}={value}" for key, values in pairs for value in (values if isinstance(values, list) else [values])]
