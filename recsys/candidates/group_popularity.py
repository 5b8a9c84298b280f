"""What is popular among things of the kinds that a user likes: categories, countries, brands, any attribute.

The score of an item is the share of the user's history that lies in its group, times its share of the group's
popularity: the chance of the item when somebody picks a group by habit and an item by fashion.
"""

import numpy as np
import polars as pl
import scipy.sparse as sp
from pydantic import PositiveFloat

from recsys import columns as c
from recsys.candidates.best import Scores
from recsys.candidates.history import History, positions
from recsys.candidates.popularity import Count, popular_items
from recsys.candidates.query import QueryGenerator, QueryParams


class GroupPopularityParams(QueryParams):
    """Which groups, and what is popular in them."""

    by: str = "category"
    "What groups items: category, or the name of an attribute of the catalogue, such as country."
    count: Count = "weights"
    "weights: events by the weight of their type; events: each as one; users: each as one, with its latest event."
    half_life_days: PositiveFloat | None = 7.0
    "For popularity: an event this much older than the newest counts half; null: age does not matter."
    query_half_life_days: PositiveFloat | None = 30.0
    "The same for the user's own history when asked."


class GroupPopularity(QueryGenerator[GroupPopularityParams]):
    """Popular items of the user's groups; says nothing where the catalogue does not tell an item's group."""

    name = "group_popularity"
    learned = ("_member", "_popular")

    def __init__(self, params: GroupPopularityParams | None = None) -> None:
        super().__init__(params or GroupPopularityParams())

    def _learn(self, interactions: pl.DataFrame, items: pl.DataFrame, rng: np.random.Generator) -> History:
        params = self.params
        history = History.of(interactions, half_life_days=params.query_half_life_days)
        popular = popular_items(interactions, items, half_life_days=params.half_life_days, count=params.count)
        grouped = group_of(items, params.by).join(history.items.to_frame(c.ITEM_ID), on=c.ITEM_ID, how="semi")
        groups = grouped[c.CATEGORY].unique().sort()
        at = positions(grouped[c.ITEM_ID], history.items), positions(grouped[c.CATEGORY], groups)
        shape = (len(history.items), len(groups))
        self._member = sp.csr_matrix((np.ones(len(at[0]), np.float64), at), shape=shape)
        shares = popular.join(grouped, on=c.ITEM_ID).with_columns(
            pl.when(pl.col(c.SCORE) > 0).then(pl.col(c.SCORE) / pl.col(c.SCORE).sum().over(c.CATEGORY)).alias(c.SHARE)
        )
        shares = shares.drop_nulls(c.SHARE)
        there = positions(shares[c.CATEGORY], groups), positions(shares[c.ITEM_ID], history.items)
        self._popular = sp.csr_matrix((shares[c.SHARE].to_numpy(), there), shape=shape[::-1])
        return history

    def _scores(self, queries: sp.csr_matrix) -> Scores:
        taste = queries.astype(np.float64) @ self._member
        total = np.asarray(taste.sum(axis=1)).ravel()
        shares = sp.diags_array(1 / np.where(total > 0, total, 1.0)) @ taste
        found: Scores = (shares @ self._popular).toarray().astype(np.float32)
        return np.where(found > 0, found, np.float32(-np.inf))


def group_of(items: pl.DataFrame, by: str) -> pl.DataFrame:
    """item_id and category of every item whose group is told; ``by`` is category, or the name of an attribute."""
    told = [name for name in (c.CATEGORY, c.ATTRIBUTES) if name in items.columns]
    if by == c.CATEGORY and by in told:
        group = pl.col(c.CATEGORY)
    elif by != c.CATEGORY and c.ATTRIBUTES in told:
        group = pl.col(c.ATTRIBUTES).str.json_path_match(f"$[{by!r}]")
    else:
        group = pl.lit(None, pl.String)
    return items.select(c.ITEM_ID, group.alias(c.CATEGORY)).filter(pl.col(c.CATEGORY) != "")
