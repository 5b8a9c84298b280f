"""What is known of a user."""

import polars as pl

from recsys import columns as c
from recsys.features.exact import exact
from recsys.features.item import log_value


def activity(known: pl.DataFrame) -> pl.DataFrame:
    """One row per user with an event: how much, how often, how lately, at what price, and how much like everybody.

    ``known`` has ``age_days``, ``price`` and ``item_popularity_rank`` beside the columns of INTERACTIONS.
    ``user_mean_price`` is the mean catalogue price of the user's events, null where no price is known.
    """
    return known.group_by(c.USER_ID).agg(
        pl.len().alias(c.USER_EVENTS),
        pl.col(c.ITEM_ID).n_unique().alias(c.USER_ITEMS),
        pl.col(c.TIMESTAMP).dt.date().n_unique().alias(c.USER_ACTIVE_DAYS),
        pl.col(c.AGE_DAYS).min().alias(c.USER_DAYS_SINCE_LAST),
        pl.col(c.AGE_DAYS).max().alias(c.USER_DAYS_SINCE_FIRST),
        exact(pl.col(c.PRICE).mean()).alias(c.USER_MEAN_PRICE),
        exact(log_value().mean()).alias(c.USER_VALUE),
        exact(pl.col(c.ITEM_POPULARITY_RANK).mean()).alias(c.USER_MAINSTREAM),
        exact(pl.col(c.ITEM_POPULARITY_RANK).std()).alias(c.USER_MAINSTREAM_SPREAD),
    )
