"""The catalogue as it was known at a time."""

import json
from datetime import datetime
from typing import Any, Final

import polars as pl

from recsys import columns as c
from recsys.datasets.tables import UPDATED
from recsys.errors import SchemaError
from recsys.events.schema import ITEM_UPDATES, ITEMS, require
from recsys.types import ItemId

WHEN: Final = (c.ITEM_ID, c.TIMESTAMP)


def items_as_of(item_updates: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """One row per item known before ``as_of`` (exclusive, UTC), sorted by item_id.

    Each property is the latest that was told, whatever came later for the others; null where none was. Attributes are
    many properties in one: each key is the latest that was told of that key, and one that was told as null is not there
    (a JSON merge patch of RFC 7396, one level deep). An item of which nothing was said about availability is available.
    Of what was told of one property at one time the greatest counts, and of availability false: the order of the rows,
    and which other properties are looked at, change nothing.

    Args:
        item_updates: columns of ITEM_UPDATES in their order; properties that are not wanted may be left out.
        as_of: nothing that was told at or after this time is seen.

    Returns:
        item_id and the same properties: schema ITEMS, where none was left out.

    Raises:
        SchemaError: another column or type, or attributes that are not one JSON object.
    """
    wanted = [name for name in ITEMS if name != c.ITEM_ID and name in item_updates.schema]
    schema = pl.Schema({name: ITEM_UPDATES[name] for name in (*WHEN, *wanted)})
    known = require(item_updates, schema, name=UPDATED).filter(pl.col(c.TIMESTAMP) < as_of)
    latest = known.group_by(c.ITEM_ID).agg(_latest(name) for name in wanted)
    if c.ATTRIBUTES in wanted:
        latest = latest.with_columns(_merged(latest))
    if c.AVAILABLE in wanted:
        latest = latest.with_columns(pl.col(c.AVAILABLE).fill_null(True))
    return latest.sort(c.ITEM_ID)


def _latest(name: str) -> pl.Expr:
    """What counts of one item's property: one value; of attributes all of them, oldest first."""
    when, told = pl.col(c.TIMESTAMP), pl.col(name)
    if name == c.ATTRIBUTES:
        return told.sort_by(when, told).drop_nulls()
    newest = told.filter(when == when.filter(told.is_not_null()).max())
    return newest.min() if name == c.AVAILABLE else newest.max()


def _merged(latest: pl.DataFrame) -> pl.Series:
    """The lists of attributes, oldest first, as one object each; null where none were told."""
    rows = latest.select(c.ITEM_ID, c.ATTRIBUTES).iter_rows()
    return pl.Series(c.ATTRIBUTES, [_merge(*row) for row in rows], dtype=ITEMS[c.ATTRIBUTES])


def _merge(item: ItemId, told: list[str]) -> str | None:
    if not told:
        return None
    merged: dict[str, Any] = {}
    for text in told:
        merged |= _object(item, text)
    return json.dumps(
        {key: value for key, value in merged.items() if value is not None},
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    )


def _object(item: ItemId, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    raise SchemaError(
        f"{UPDATED}: item {item!r}: found the attributes {text[:200]!r}, expected one JSON object such as "
        '{"brand":"Hob"}; correct the source and ingest that day again'
    )
