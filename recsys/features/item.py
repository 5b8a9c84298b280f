"""What is known of an item."""

from typing import Final

import polars as pl

from recsys import columns as c
from recsys.features.exact import exact

WINDOWS: Final = {c.ITEM_POPULARITY_1D: 1, c.ITEM_POPULARITY_7D: 7, c.ITEM_POPULARITY_28D: 28}
"""Popularity column → days before as_of."""
DISCOVERY_WINDOWS: Final = {c.ITEM_DISCOVERIES_3D: 3, c.ITEM_DISCOVERIES_7D: 7, c.ITEM_DISCOVERIES_28D: 28}
NEWCOMER_WINDOWS: Final = {c.ITEM_NEWCOMERS_14D: 14, c.ITEM_NEWCOMERS_56D: 56}
FIRST_CHOICES_HALF_LIFE_DAYS: Final = 21.0
PER_USERS: Final = 1000.0


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
            exact(log_value().mean()).alias(c.ITEM_VALUE),
        )
        .with_columns(
            ((pl.col(c.ITEM_POPULARITY_7D) + 1) / (pl.col(c.ITEM_POPULARITY_28D) + 1)).alias(c.ITEM_TREND),
            (pl.col(c.ITEM_POPULARITY_ALL).rank("max") / pl.len()).alias(c.ITEM_POPULARITY_RANK),
        )
    )


def beginnings(known: pl.DataFrame) -> pl.DataFrame:
    """One row per item with an event: how often it is somebody's first time with it, and what new users begin with.

    Both fall where an item lives of the same users coming back, which popularity does not see.
    """
    first = known.group_by(c.USER_ID, c.ITEM_ID).agg(pl.col(c.AGE_DAYS).max())
    arrived = pl.col(c.AGE_DAYS).max().over(c.USER_ID)
    on_first_day = first.with_columns(arrived.alias(_ARRIVED)).filter(pl.col(c.AGE_DAYS) >= pl.col(_ARRIVED) - 1)
    found = known.select(c.ITEM_ID).unique()
    for name, days in DISCOVERY_WINDOWS.items():
        found = found.join(_rate(first.filter(pl.col(c.AGE_DAYS) <= days), name), on=c.ITEM_ID, how="left")
    for name, days in NEWCOMER_WINDOWS.items():
        found = found.join(_rate(on_first_day.filter(pl.col(_ARRIVED) <= days), name), on=c.ITEM_ID, how="left")
    faded = 0.5 ** (pl.col(c.AGE_DAYS) / FIRST_CHOICES_HALF_LIFE_DAYS)
    choices = on_first_day.group_by(c.ITEM_ID).agg(exact(faded.sum()).alias(c.ITEM_FIRST_CHOICES))
    return found.join(choices, on=c.ITEM_ID, how="left").fill_null(0)


def log_value() -> pl.Expr:
    """log(1 + value), null where no value is known; what is worth less than nothing counts as nothing."""
    return pl.col(c.VALUE).clip(lower_bound=0.0).log1p()


def _rate(firsts: pl.DataFrame, name: str) -> pl.DataFrame:
    """Users per item, per thousand users."""
    users = max(1, firsts[c.USER_ID].n_unique())
    return firsts.group_by(c.ITEM_ID).agg((pl.len() * PER_USERS / users).alias(name))


def _reach(inside: pl.Expr) -> pl.Expr:
    return pl.col(c.USER_ID).filter(inside).n_unique()


def _users(known: pl.DataFrame, days: int) -> int:
    return known.filter(pl.col(c.AGE_DAYS) <= days)[c.USER_ID].n_unique()


_ARRIVED = "arrived"
