"""What is known of an item."""

import polars as pl

from recsys import columns as c
from recsys.features.exact import exact

WINDOWS = {c.ITEM_POPULARITY_1D: 1, c.ITEM_POPULARITY_7D: 7, c.ITEM_POPULARITY_28D: 28}
"""Popularity column → days before as_of."""
PER_USERS = 1000.0


def popularity(known: pl.DataFrame) -> pl.DataFrame:
    """One row per item with an event.

    Popularity is distinct users of the item in the window, per thousand users of the window, so that it means the same
    on a busy day and a quiet one. ``item_repeat_rate`` is events per distinct user.
    """
    windows = [
        (_reach(pl.col(c.AGE_DAYS) <= days) * PER_USERS / max(1, _users(known, days))).alias(name)
        for name, days in WINDOWS.items()
    ]
    everybody = pl.col(c.USER_ID).n_unique()
    return (
        known.group_by(c.ITEM_ID)
        .agg(
            *windows,
            (everybody * PER_USERS / max(1, known[c.USER_ID].n_unique())).alias(c.ITEM_POPULARITY_ALL),
            pl.col(c.AGE_DAYS).max().alias(c.ITEM_AGE_DAYS),
            pl.col(c.AGE_DAYS).min().alias(c.ITEM_DAYS_SINCE_LAST),
            (pl.len() / everybody).alias(c.ITEM_REPEAT_RATE),
            exact(pl.col(c.WEIGHT).cast(pl.Float64).mean()).alias(c.ITEM_MEAN_WEIGHT),
        )
        .with_columns(((pl.col(c.ITEM_POPULARITY_7D) + 1) / (pl.col(c.ITEM_POPULARITY_28D) + 1)).alias(c.ITEM_TREND))
    )


def _reach(inside: pl.Expr) -> pl.Expr:
    return pl.col(c.USER_ID).filter(inside).n_unique()


def _users(known: pl.DataFrame, days: int) -> int:
    return known.filter(pl.col(c.AGE_DAYS) <= days)[c.USER_ID].n_unique()
