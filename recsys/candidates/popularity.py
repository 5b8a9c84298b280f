"""What is popular now: weights of all users added up, halved with age. Answers everybody, strangers too."""

from collections.abc import Sequence
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import PositiveFloat

from recsys import columns as c
from recsys.candidates.best import as_candidates
from recsys.candidates.generator import CANDIDATES
from recsys.candidates.history import decay
from recsys.errors import NotFittedError
from recsys.types import Frozen, UserId

EVERY_CATEGORY = ""
"The category of the list over the whole catalogue."


class PopularityParams(Frozen):
    """How fast popularity fades."""

    half_life_days: PositiveFloat = 7.0
    "An event this much older than the newest counts half."


class Popularity:
    """The same items for everybody, best first, without what a user must not see."""

    name = "popularity"

    def __init__(self, params: PopularityParams | None = None) -> None:
        self.params = params or PopularityParams()
        self._ranking: pl.DataFrame | None = None

    def fit(self, interactions: pl.DataFrame, *, items: pl.DataFrame, rng: np.random.Generator) -> Self:
        """Learns one list. ``rng`` is not used."""
        self._ranking = popular_items(interactions, items, half_life_days=self.params.half_life_days)
        return self

    def generate(self, users: Sequence[UserId], *, k: int, exclude: pl.DataFrame) -> pl.DataFrame:
        """``k`` rows for every user while the catalogue has enough, schema CANDIDATES."""
        if self._ranking is None:
            raise NotFittedError("popularity was asked before fit; call fit(interactions, items=…, rng=…) first")
        asked = pl.DataFrame({c.USER_ID: users}, schema={c.USER_ID: pl.String}).unique(maintain_order=True)
        place = {item: position for position, item in enumerate(self._ranking[c.ITEM_ID])}
        barred: dict[UserId, list[int]] = {}
        known = exclude.join(asked, on=c.USER_ID, how="semi").join(self._ranking, on=c.ITEM_ID, how="semi").unique()
        for user, item in known.select(c.USER_ID, c.ITEM_ID).iter_rows():
            barred.setdefault(user, []).append(place[item])
        chosen = [_first_free(len(place), k, barred.get(user, [])) for user in asked[c.USER_ID]]
        if not chosen:
            return CANDIDATES.to_frame()
        columns = np.concatenate(chosen)
        rows = np.repeat(np.arange(len(chosen)), [len(free) for free in chosen])
        return as_candidates(
            users=asked[c.USER_ID].gather(rows),
            items=self._ranking[c.ITEM_ID].gather(columns),
            scores=self._ranking[c.SCORE].to_numpy()[columns],
            source=self.name,
        )


def popular_items(interactions: pl.DataFrame, items: pl.DataFrame, *, half_life_days: float) -> pl.DataFrame:
    """item_id and score of every available item with an event, best first; ties by item_id."""
    gone = items.filter(~pl.col(c.AVAILABLE))
    return (
        interactions.select(c.ITEM_ID, pl.Series(c.SCORE, decay(interactions, half_life_days)))
        .sort(c.ITEM_ID, c.SCORE)
        .group_by(c.ITEM_ID, maintain_order=True)
        .agg(pl.col(c.SCORE).sum().round(9))
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


def _first_free(size: int, k: int, barred: list[int]) -> NDArray[np.int64]:
    """The first ``k`` positions of 0 … size - 1 that are not barred."""
    head = np.arange(min(size, k + len(barred)))
    return head[~np.isin(head, barred)][:k]
