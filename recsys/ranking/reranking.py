"""Arranges the first positions of each slate: unlike items, not too many of a category, new ones earlier.

Greedy, position by position: of the slate's items that are left the one of highest
``(1 - diversity) · (relevance + boost · 2^(-age / half-life)) - diversity · likeness`` is next, where relevance is the
score between the slate's worst (0) and best (1), and likeness the cosine with the most alike item above.

Source: Carbonell and Goldstein, "The use of MMR, diversity-based reranking", SIGIR 1998.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys import columns as c
from recsys.features.item_vectors import ItemVectors
from recsys.ranking.exploration import explore
from recsys.sites.reranking_policy import RerankingPolicy

USERS_AT_ONCE: Final = 512
DECIMALS: Final = 6
"""Of a value that count: what differs less is a tie, which goes to the ranker's order."""
NEVER: Final = -np.inf


@dataclass(frozen=True)
class Reranker:
    """A site's wishes, and what they need to know of items at one moment."""

    policy: RerankingPolicy
    items: pl.DataFrame
    "item_id, category (null: none), age_days (since it became known; null: unknown, and then not new), available."
    vectors: ItemVectors

    def rerank(self, slates: pl.DataFrame, *, exclude: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
        """The slates in their new order.

        Args:
            slates: schema SLATES.
            exclude: pairs (user_id, item_id) that must not be shown; exploration heeds them.
            rng: draws what is explored.

        Returns:
            Schema SLATES, as long as before; with exploration the column ``propensity`` beside it. A position keeps its
            score, so that scores never rise with rank. Without exploration every user has the same items as before.
        """
        arranged = self._arranged(slates) if self.policy.rearranges else slates
        if not self.policy.explores:
            return arranged
        young = pl.col(c.AGE_DAYS) < self.policy.exploration_days
        new = self.items.filter(young, pl.col(c.AVAILABLE))[c.ITEM_ID].sort().to_list()
        return explore(
            arranged,
            new,
            share=self.policy.exploration_share,
            positions=self.policy.positions,
            exclude=exclude,
            rng=rng,
        )

    def _arranged(self, slates: pl.DataFrame) -> pl.DataFrame:
        if slates.is_empty():
            return slates
        described = slates.sort(c.USER_ID, c.RANK).join(
            self.items.select(c.ITEM_ID, c.CATEGORY, c.AGE_DAYS), on=c.ITEM_ID, how="left", maintain_order="left"
        )
        starts = np.flatnonzero(described[c.RANK].to_numpy() == 1)
        ends = [*starts[::USERS_AT_ONCE].tolist(), described.height]
        order = np.concatenate([start + self._order(described[start:end]) for start, end in pairwise(ends)])
        moved = described.select(c.ITEM_ID, c.SOURCE, c.BECAUSE)[order]
        return described.with_columns(moved).select(slates.columns)

    def _order(self, block: pl.DataFrame) -> NDArray[np.int64]:
        """For each place of the block, the row that comes there; slates of users lie one after the other."""
        policy = self.policy
        rank = block[c.RANK].to_numpy().astype(np.int64) - 1
        user = np.cumsum(rank == 0) - 1
        shape = (int(user[-1]) + 1, int(rank.max()) + 1)
        value = np.full(shape, NEVER)
        value[user, rank] = (1 - policy.diversity) * (_relevance(block) + self._freshness(block))
        category = np.full(shape, -1)
        category[user, rank] = block[c.CATEGORY].rank("dense").cast(pl.Int64).fill_null(-1).to_numpy()
        vectors = np.zeros((*shape, self.vectors.vectors.shape[1]), dtype=np.float32)
        if policy.diversity:
            vectors[user, rank] = self.vectors.at(block[c.ITEM_ID])
        chosen = _greedy(value, category, vectors, policy)
        start = np.flatnonzero(rank == 0)
        place = chosen + start[:, None]
        places: NDArray[np.int64] = place[np.isfinite(value)]
        return places

    def _freshness(self, block: pl.DataFrame) -> NDArray[np.float64]:
        half_lives = pl.col(c.AGE_DAYS) / self.policy.freshness_half_life_days
        fresh = self.policy.freshness_boost * (2.0 ** (-half_lives))
        return block.select(fresh.fill_null(0.0)).to_series().to_numpy()


def _relevance(block: pl.DataFrame) -> NDArray[np.float64]:
    score = pl.col(c.SCORE)
    low, high = score.min().over(c.USER_ID), score.max().over(c.USER_ID)
    return block.select(pl.when(high > low).then((score - low) / (high - low)).otherwise(1.0)).to_series().to_numpy()


def _greedy(
    value: NDArray[np.float64], category: NDArray[np.int64], vectors: NDArray[np.float32], policy: RerankingPolicy
) -> NDArray[np.int64]:
    """Per user (row) the columns in their new order; columns without a value stay last, in their order.

    Args:
        value: shape (users, columns); -inf where a slate is shorter.
        category: the same; -1 for none, which is never capped.
        vectors: shape (users, columns, dimensions).
        policy: the site's.
    """
    users, length = value.shape
    everyone = np.arange(users)
    nearest = np.zeros(value.shape)
    crowd = np.zeros(value.shape, dtype=np.int64)
    free = np.isfinite(value)
    order = np.empty((users, min(policy.positions, length)), dtype=np.int64)
    for position in range(order.shape[1]):
        allowed = free & (crowd < (policy.max_per_category or length + 1))
        allowed = np.where(allowed.any(axis=1, keepdims=True), allowed, free)
        worth = np.where(allowed, np.round(value - policy.diversity * nearest, DECIMALS), NEVER)
        best = np.where(free.any(axis=1), worth.argmax(axis=1), position)
        order[:, position] = best
        free[everyone, best] = False
        same = (category == category[everyone, best][:, None]) & (category >= 0)
        crowd += same
        if policy.diversity:
            near = np.einsum("ucd,ud->uc", vectors, vectors[everyone, best])
            nearest = np.maximum(nearest, near)
    taken = np.zeros(value.shape, dtype=bool)
    np.put_along_axis(taken, order, True, axis=1)
    rest = np.argsort(taken, axis=1, kind="stable")[:, : length - order.shape[1]]
    return np.concatenate([order, rest], axis=1)
