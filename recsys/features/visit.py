"""How far back in what a user did an item, or its category, lies: in events, and in the last visit."""

from typing import Final

import polars as pl

from recsys import columns as c

PAUSE_DAYS: Final = 30 / 1440
"""Half an hour without an event ends a visit where events name no session."""


def last_visit(known: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One row per user and item with an event, and one per user and category.

    ``…_events_ago`` is how many of the user's events are later than the newest with the item (the category); events of
    one moment are equally far. ``…_visit_share`` is its share of the events of the user's last visit: those that name
    the session of the newest event, or, where that names none, those before it without a pause of half an hour.

    Args:
        known: schema INTERACTIONS with ``age_days`` and ``category``.
    """
    ordered = known.select(c.USER_ID, c.ITEM_ID, c.CATEGORY, c.SESSION_ID, c.AGE_DAYS).sort(
        c.USER_ID, c.AGE_DAYS, c.SESSION_ID, c.ITEM_ID, nulls_last=True
    )
    newest = pl.col(c.SESSION_ID).first().over(c.USER_ID)
    paused = (pl.col(c.AGE_DAYS) - pl.col(c.AGE_DAYS).shift(1).over(c.USER_ID)).fill_null(0.0) > PAUSE_DAYS
    unbroken = paused.cast(pl.Int32).cum_sum().over(c.USER_ID) == 0
    told = ordered.with_columns(
        (pl.col(c.AGE_DAYS).rank("min").over(c.USER_ID) - 1).alias(c.EVENTS_AGO),
        pl.when(newest.is_null()).then(unbroken).otherwise(pl.col(c.SESSION_ID).eq(newest).fill_null(False)).alias(_IN),
    )
    shared = told.with_columns((pl.col(_IN) / pl.col(_IN).sum().over(c.USER_ID)).alias(_SHARE))
    categories = shared.filter(pl.col(c.CATEGORY).is_not_null())
    return (
        _told_of(shared, c.ITEM_ID, c.PAIR_EVENTS_AGO, c.PAIR_VISIT_SHARE),
        _told_of(categories, c.CATEGORY, c.CATEGORY_EVENTS_AGO, c.CATEGORY_VISIT_SHARE),
    )


def _told_of(shared: pl.DataFrame, what: str, ago: str, share: str) -> pl.DataFrame:
    return shared.group_by(c.USER_ID, what).agg(
        pl.col(c.EVENTS_AGO).min().alias(ago), pl.col(_SHARE).sum().round(6).alias(share)
    )


_IN, _SHARE = "_in_last_visit", "_share"
