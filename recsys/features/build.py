"""Joins to each candidate pair what was known before ``as_of``."""

from datetime import datetime

import polars as pl

from recsys import columns as c
from recsys.errors import DataError
from recsys.features import item, user, user_item
from recsys.features.feature_set import KNOWLEDGE

NO_CATEGORY = ""


def build_features(
    pairs: pl.DataFrame, *, interactions: pl.DataFrame, items: pl.DataFrame, as_of: datetime
) -> pl.DataFrame:
    """The pairs with every feature of ``KNOWLEDGE`` and ``category``.

    Args:
        pairs: user_id, item_id and what the generators said of them (``one_row_per_pair``).
        interactions: schema INTERACTIONS plus ``weight``, all before ``as_of``.
        items: schema ITEMS, as of the same time.
        as_of: exclusive end of what is known; ages are days before it.

    Returns:
        The rows of ``pairs`` in their order, with Float32 features; null where nothing is known (a user without
        history, an item without price). Category "" means none.

    Raises:
        DataError: an interaction is not before ``as_of``: a feature would know the future.
    """
    newest = interactions[c.TIMESTAMP].max()
    if isinstance(newest, datetime) and newest >= as_of:
        raise DataError(
            f"found an interaction at {newest.isoformat()}, expected all before {as_of.isoformat()}; "
            "cut the log at as_of before features are built"
        )
    known = interactions.with_columns(
        ((pl.lit(as_of) - pl.col(c.TIMESTAMP)).dt.total_microseconds() / 86_400e6).alias(c.AGE_DAYS)
    ).join(items.select(c.ITEM_ID, c.CATEGORY, c.PRICE), on=c.ITEM_ID, how="left", maintain_order="left")
    catalogue = items.select(c.ITEM_ID, c.CATEGORY, c.PRICE)
    joined = (
        pairs.join(user.activity(known), on=c.USER_ID, how="left", maintain_order="left")
        .join(item.popularity(known), on=c.ITEM_ID, how="left", maintain_order="left")
        .join(catalogue, on=c.ITEM_ID, how="left", maintain_order="left")
        .join(user_item.encounters(known), on=[c.USER_ID, c.ITEM_ID], how="left", maintain_order="left")
        .join(user_item.category_taste(known), on=[c.USER_ID, c.CATEGORY], how="left", maintain_order="left")
        .with_columns((pl.col(c.PRICE) / pl.col(c.USER_MEAN_PRICE)).alias(c.PRICE_RATIO))
    )
    return joined.select(
        *pairs.columns,
        *(pl.col(name).cast(pl.Float32) for name in KNOWLEDGE),
        pl.col(c.CATEGORY).fill_null(NO_CATEGORY),
    )
