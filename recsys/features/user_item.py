"""What is known of a user and an item, or its category, together."""

import polars as pl

from recsys import columns as c
from recsys.features.exact import exact


def encounters(known: pl.DataFrame) -> pl.DataFrame:
    """One row per pair with an event: how often, how much, how lately."""
    return known.group_by(c.USER_ID, c.ITEM_ID).agg(
        pl.len().alias(c.PAIR_EVENTS),
        exact(pl.col(c.WEIGHT).cast(pl.Float64).sum()).alias(c.PAIR_WEIGHT),
        pl.col(c.AGE_DAYS).min().alias(c.PAIR_DAYS_SINCE_LAST),
    )


def category_taste(known: pl.DataFrame) -> pl.DataFrame:
    """One row per user and category with an event: the category's share of the user's weight, and how lately."""
    weight = pl.col(c.WEIGHT).cast(pl.Float64)
    total = exact(weight.sum().over(c.USER_ID))
    return (
        known.with_columns((weight / total).alias(c.CATEGORY_AFFINITY))
        .filter(pl.col(c.CATEGORY).is_not_null())
        .group_by(c.USER_ID, c.CATEGORY)
        .agg(exact(pl.col(c.CATEGORY_AFFINITY).sum()), pl.col(c.AGE_DAYS).min().alias(c.CATEGORY_DAYS_SINCE_LAST))
    )
