"""What is popular now: weights of all users added up, halved with age. Answers everybody, strangers too."""

from typing import Literal

import polars as pl
from pydantic import PositiveFloat

from recsys import columns as c
from recsys.candidates.history import decay
from recsys.candidates.one_list import ListGenerator
from recsys.types import Frozen

EVERY_CATEGORY = ""
"The category of the list over the whole catalogue."


Count = Literal["weights", "events", "users"]
"""What is added up: weights of events, events as such, or users, each with the latest of its events."""


class PopularityParams(Frozen):
    """What is counted, and how fast it fades."""

    count: Count = "weights"
    "weights: events by the weight of their type; events: each as one; users: each as one, with its latest event."
    half_life_days: PositiveFloat | None = 7.0
    "An event this much older than the newest counts half; null: age does not matter."


class Popularity(ListGenerator):
    """The same items for everybody, best first, without what a user must not see."""

    name = "popularity"

    def __init__(self, params: PopularityParams | None = None) -> None:
        super().__init__()
        self.params = params or PopularityParams()

    def _rank(self, interactions: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
        params = self.params
        return popular_items(interactions, items, half_life_days=params.half_life_days, count=params.count)


def popular_items(
    interactions: pl.DataFrame, items: pl.DataFrame, *, half_life_days: float | None, count: Count = "weights"
) -> pl.DataFrame:
    """item_id and score of every available item with an event, best first; ties by item_id."""
    gone = items.filter(~pl.col(c.AVAILABLE))
    decay(interactions, None)  # refuses weights that are none, whatever is counted
    unweighted = interactions if count == "weights" else interactions.with_columns(pl.lit(1.0).alias(c.WEIGHT))
    counted = interactions.select(
        c.USER_ID, c.ITEM_ID, pl.Series(c.SCORE, decay(unweighted, half_life_days), dtype=pl.Float64)
    )
    if count == "users":
        counted = counted.group_by(c.USER_ID, c.ITEM_ID).agg(pl.col(c.SCORE).max())
    return (
        counted.sort(c.ITEM_ID, c.SCORE)
        .group_by(c.ITEM_ID, maintain_order=True)
        .agg(pl.col(c.SCORE).sum().round_sig_figs(9))
        .join(gone, on=c.ITEM_ID, how="anti")
        .sort(c.SCORE, c.ITEM_ID, descending=[True, False])
    )


def top_popular(
    interactions: pl.DataFrame, items: pl.DataFrame, *, n: int, per_category: int, half_life_days: float = 7.0
) -> pl.DataFrame:
    """Best-known items of the whole catalogue and of each category.

    Returns:
        category ("" is the whole catalogue), item_id, score, rank (1 best): at most ``n`` rows for "", ``per_category``
        for each category; items without a category are in "" only.
    """
    ranking = popular_items(interactions, items, half_life_days=half_life_days)
    overall = ranking.head(n).select(pl.lit(EVERY_CATEGORY).alias(c.CATEGORY), c.ITEM_ID, c.SCORE)
    inside = (
        ranking.join(items.select(c.ITEM_ID, c.CATEGORY), on=c.ITEM_ID, how="inner", maintain_order="left")
        .filter(pl.col(c.CATEGORY).is_not_null() & (pl.col(c.CATEGORY) != EVERY_CATEGORY))
        .filter(pl.int_range(pl.len()).over(c.CATEGORY) < per_category)
        .sort(c.CATEGORY, maintain_order=True)
        .select(c.CATEGORY, c.ITEM_ID, c.SCORE)
    )
    return pl.concat([overall, inside]).with_columns(
        (pl.int_range(pl.len()).over(c.CATEGORY) + 1).cast(pl.Int32).alias(c.RANK)
    )
