"""The catalogue as it was known at a time."""

from datetime import datetime

import polars as pl

from recsys import columns as c
from recsys.datasets.tables import TABLES, UPDATED
from recsys.events.schema import ITEM_UPDATES, ITEMS, require


def items_as_of(item_updates: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """One row per item known before ``as_of`` (exclusive, UTC), sorted by item_id; schema ITEMS.

    Each property is the latest that was told, whatever came later for the others; null where none was. An item of which
    nothing was said about availability is available. Updates of one item at one time apply in the log's order.
    """
    properties = [column for column in ITEMS if column != c.ITEM_ID]
    return (
        require(item_updates, ITEM_UPDATES, name=UPDATED)
        .filter(pl.col(c.TIMESTAMP) < as_of)
        .sort(TABLES[UPDATED].order, nulls_last=True)
        .group_by(c.ITEM_ID)
        .agg(pl.col(column).drop_nulls().last() for column in properties)
        .with_columns(pl.col(c.AVAILABLE).fill_null(True))
        .sort(c.ITEM_ID)
    )
