"""What was known, before the window, of those who are judged and of what could be shown."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final, Self

import polars as pl

from recsys import columns as c

PAIR: Final = [c.USER_ID, c.ITEM_ID]


@dataclass(frozen=True)
class Facts:
    """People, items, and who met what, all before one moment."""

    users: pl.DataFrame
    "user_id, user_events; one row per user with history."
    items: pl.DataFrame
    """item_id, category (null: none), met_by (users who met it, 0 for a new item), item_age_days (since it was first
    met, null where it never was); one row per item of the catalogue."""
    met: pl.DataFrame
    "Distinct pairs (user_id, item_id)."

    @classmethod
    def of(cls, interactions: pl.DataFrame, items: pl.DataFrame, *, as_of: datetime) -> Self:
        """The facts at ``as_of``.

        Args:
            interactions: user_id, item_id, timestamp; rows at or after ``as_of`` are not looked at.
            items: item_id and category of the catalogue at the same time; items that only interactions name are added.
            as_of: exclusive.
        """
        known = interactions.filter(pl.col(c.TIMESTAMP) < as_of)
        age = (pl.lit(as_of) - pl.col(c.TIMESTAMP).min()).dt.total_microseconds() / 86_400e6
        seen = known.group_by(c.ITEM_ID).agg(
            pl.col(c.USER_ID).n_unique().cast(pl.Int64).alias(c.MET_BY), age.alias(c.ITEM_AGE_DAYS)
        )
        catalogue = (
            items.select(c.ITEM_ID, c.CATEGORY)
            .join(seen, on=c.ITEM_ID, how="full", coalesce=True)
            .with_columns(pl.col(c.MET_BY).fill_null(0))
            .sort(c.ITEM_ID)
        )
        users = known.group_by(c.USER_ID).agg(pl.len().cast(pl.Int64).alias(c.USER_EVENTS)).sort(c.USER_ID)
        return cls(users, catalogue, known.select(PAIR).unique().sort(PAIR))

    @cached_property
    def has_categories(self) -> bool:
        return self.items[c.CATEGORY].n_unique() > 1
