"""Joins to each candidate pair what was known before ``as_of``."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

import polars as pl

from recsys import columns as c
from recsys.errors import DataError
from recsys.events.schema import IMPRESSIONS
from recsys.features import item, user, user_item
from recsys.features.click_rates import click_rates
from recsys.features.feature_set import KNOWLEDGE
from recsys.features.rhythm import hours_between, rhythm
from recsys.features.visit import last_visit

NO_CATEGORY = ""


@dataclass(frozen=True)
class Knowledge:
    """What is known of users, items and both together at one moment, to be looked up for any number of pairs."""

    users: pl.DataFrame
    items: pl.DataFrame
    encounters: pl.DataFrame
    tastes: pl.DataFrame
    click_rates: pl.DataFrame
    "Schema CLICK_RATES; no rows where nothing was shown."

    @classmethod
    def of(
        cls,
        interactions: pl.DataFrame,
        items: pl.DataFrame,
        as_of: datetime,
        *,
        impressions: pl.DataFrame | None = None,
    ) -> Self:
        """Reads the log once.

        Args:
            interactions: schema INTERACTIONS plus ``weight``, all before ``as_of``.
            items: schema ITEMS, as of the same time.
            as_of: exclusive end of what is known; ages are days before it.
            impressions: schema IMPRESSIONS, all before ``as_of``; None: nothing is known of what was shown.

        Raises:
            DataError: an event is not before ``as_of``: a feature would know the future.
        """
        shown = IMPRESSIONS.to_frame() if impressions is None else impressions
        _require_past("interaction", interactions, as_of)
        _require_past("impression", shown, as_of)
        catalogue = items.select(c.ITEM_ID, c.CATEGORY, c.PRICE)
        known = interactions.with_columns(
            ((pl.lit(as_of) - pl.col(c.TIMESTAMP)).dt.total_microseconds() / 86_400e6).alias(c.AGE_DAYS)
        ).join(catalogue, on=c.ITEM_ID, how="left", maintain_order="left")
        popularity = item.popularity(known)
        ranks = popularity.select(c.ITEM_ID, c.ITEM_POPULARITY_RANK)
        hours = rhythm(known, c.USER_ID, c.USER_HOUR, c.USER_WEEKEND)
        items_hours = rhythm(known, c.ITEM_ID, c.ITEM_HOUR, c.ITEM_WEEKEND)
        described = popularity.join(item.beginnings(known), on=c.ITEM_ID, how="left")
        described = described.join(items_hours, on=c.ITEM_ID, how="left")
        rates = click_rates(shown, interactions, items)
        of_pairs, of_categories = last_visit(known)
        active = user.activity(known.join(ranks, on=c.ITEM_ID, how="left", maintain_order="left"))
        return cls(
            users=active.join(hours, on=c.USER_ID, how="left"),
            items=described.join(catalogue, on=c.ITEM_ID, how="full", coalesce=True).join(
                rates.drop(c.SHOWN, c.CLICKED), on=c.ITEM_ID, how="left"
            ),
            encounters=user_item.encounters(known).join(of_pairs, on=[c.USER_ID, c.ITEM_ID], how="left"),
            tastes=user_item.category_taste(known).join(of_categories, on=[c.USER_ID, c.CATEGORY], how="left"),
            click_rates=rates,
        )

    def describe(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """The rows of ``pairs`` in their order, with every feature of ``KNOWLEDGE`` (Float32) and ``category``.

        Null where nothing is known (a user without history, an item without price). Category "" means none.
        """
        joined = (
            pairs.join(self.users, on=c.USER_ID, how="left", maintain_order="left")
            .join(self.items, on=c.ITEM_ID, how="left", maintain_order="left")
            .join(self.encounters, on=[c.USER_ID, c.ITEM_ID], how="left", maintain_order="left")
            .join(self.tastes, on=[c.USER_ID, c.CATEGORY], how="left", maintain_order="left")
            .with_columns(
                (pl.col(c.PRICE) / pl.col(c.USER_MEAN_PRICE)).alias(c.PRICE_RATIO),
                (pl.col(c.ITEM_VALUE) - pl.col(c.USER_VALUE)).alias(c.VALUE_GAP),
                (pl.col(c.ITEM_POPULARITY_RANK) - pl.col(c.USER_MAINSTREAM)).alias(c.MAINSTREAM_GAP),
                hours_between(c.ITEM_HOUR, c.USER_HOUR).alias(c.HOUR_GAP),
                (pl.col(c.ITEM_WEEKEND) - pl.col(c.USER_WEEKEND)).alias(c.WEEKEND_GAP),
            )
        )
        return joined.select(
            *pairs.columns,
            *(pl.col(name).cast(pl.Float32) for name in KNOWLEDGE),
            pl.col(c.CATEGORY).fill_null(NO_CATEGORY),
        )


def build_features(
    pairs: pl.DataFrame, *, interactions: pl.DataFrame, items: pl.DataFrame, as_of: datetime
) -> pl.DataFrame:
    """``pairs`` (user_id, item_id and what the generators said of them), described as of one moment.

    Raises:
        DataError: an interaction is not before ``as_of``.
    """
    return Knowledge.of(interactions, items, as_of).describe(pairs)


def _require_past(what: str, events: pl.DataFrame, as_of: datetime) -> None:
    newest = events[c.TIMESTAMP].max()
    if isinstance(newest, datetime) and newest >= as_of:
        raise DataError(
            f"found an {what} at {newest.isoformat()}, expected all before {as_of.isoformat()}; "
            "cut the log at as_of before features are built"
        )
