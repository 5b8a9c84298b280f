"""Items that the same users took: damped cosine similarity with recency.

Similarity of i and j: Σ_u w(u,i)·w(u,j)/√n(u) over √((|i| + s)·(|j| + s)), with |i| = Σ_u w(u,i)², shrinkage s and n(u)
the number of items of user u: a long history says less about each pair.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Annotated, Final

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from recsys import columns as c
from recsys.candidates.best import Scores
from recsys.candidates.history import History
from recsys.candidates.query import QueryGenerator, QueryParams
from recsys.cores import cores

ITEM_BLOCK: Final = 512
PAIR_BLOCK: Final = 20_000


class ItemItemParams(QueryParams):
    """Forgetting, damping, and how many neighbours are kept."""

    half_life_days: PositiveFloat | None = 30.0
    "For learning: an event this much older than the newest counts half; null: age does not matter."
    query_half_life_days: PositiveFloat | None = 30.0
    "The same for the user's own history when asked."
    shrinkage: NonNegativeFloat = 1.0
    "Damps similarities that rest on few users, in squared weights."
    popularity_power: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    "How strongly an item's own size is divided out when it is proposed: 0.5 is the cosine, 0 favours the popular."
    neighbours: PositiveInt = 200
    "Similar items kept per item."
    max_user_items: PositiveInt = 5000
    "Only so many of a user's items, the heaviest, teach: time grows with their square."


class ItemItem(QueryGenerator[ItemItemParams]):
    """Neighbours of what the user did lately."""

    name = "item_item"
    learned = ("_neighbours",)

    def __init__(self, params: ItemItemParams | None = None) -> None:
        super().__init__(params or ItemItemParams())

    def _learn(self, interactions: pl.DataFrame, items: pl.DataFrame, rng: np.random.Generator) -> History:
        params = self.params
        learn = History.of(interactions, half_life_days=params.half_life_days, repeats="best")
        matrix = learn.heaviest(params.max_user_items).matrix
        self._neighbours = _similarities(matrix, params, learn.available(items))
        return History.of(interactions, half_life_days=params.query_half_life_days, repeats="best")

    def _scores(self, queries: sp.csr_matrix) -> Scores:
        found: Scores = (queries @ self._neighbours).toarray()
        found[found <= 0] = -np.inf
        return found

    def similar(self, k: int) -> pl.DataFrame:
        """Says for every item which are near: at most ``k`` available neighbours, schema SIMILAR."""
        return self.similar_to(self._fitted().items.to_list(), k=k)

    def because(self, pairs: pl.DataFrame, *, at_most: int = 3) -> pl.DataFrame:
        """``pairs`` (user_id, item_id, …) with ``because``: items of the user's history that speak most for the item.

        Heaviest first, at most ``at_most``; an empty list where none of them is a neighbour. Order of rows is kept.
        """
        history = self._fitted()
        rows = history.rows_of(pairs[c.USER_ID].to_list())
        columns = history.columns_of(pairs[c.ITEM_ID])
        toward = self._neighbours.T.tocsr()
        names = history.items.to_list()
        reasons: list[list[str]] = [[] for _ in range(pairs.height)]
        known = np.flatnonzero((rows >= 0) & (columns >= 0))
        for start in range(0, len(known), PAIR_BLOCK):
            block = known[start : start + PAIR_BLOCK]
            shares = history.matrix[rows[block]].multiply(toward[columns[block]]).tocoo()
            order = np.lexsort((shares.col, -shares.data, shares.row))
            pair, item = shares.row[order], shares.col[order]
            nth = np.arange(len(pair)) - np.searchsorted(pair, pair)
            for position, column in zip(pair[nth < at_most], item[nth < at_most], strict=True):
                reasons[block[position]].append(names[column])
        return pairs.with_columns(pl.Series(c.BECAUSE, reasons, dtype=pl.List(pl.String)))


def _similarities(matrix: sp.csr_matrix, params: ItemItemParams, available: NDArray[np.bool_]) -> sp.csr_matrix:
    """Items × items, float32; row: item known, column: item proposed; the ``neighbours`` best per row, no diagonal."""
    if not matrix.nnz:
        return sp.csr_matrix((matrix.shape[1], matrix.shape[1]), dtype=np.float32)
    size = np.asarray(matrix.power(2).sum(axis=0)).ravel() + params.shrinkage
    long = np.sqrt(np.maximum(np.diff(matrix.indptr), 1))
    shared = sp.diags_array(1 / long) @ matrix
    known = (shared @ sp.diags_array(size ** (params.popularity_power - 1.0))).T.tocsr()
    proposed = (matrix @ sp.diags_array(np.where(available, size**-params.popularity_power, 0.0))).tocsr()

    def nearest(start: int) -> sp.csr_matrix:
        return _heaviest((known[start : start + ITEM_BLOCK] @ proposed).tocsr(), params.neighbours, first=start)

    with ThreadPoolExecutor(params.threads or cores()) as pool:
        return sp.vstack(list(pool.map(nearest, range(0, matrix.shape[1], ITEM_BLOCK))), format="csr")


def _heaviest(scores: sp.csr_matrix, count: int, *, first: int) -> sp.csr_matrix:
    """The ``count`` highest positive entries of each row, the lower column on ties, without the diagonal.

    ``first`` is the column of row 0's diagonal.
    """
    scores.sort_indices()
    kept = []
    for row, (start, stop) in enumerate(pairwise(scores.indptr)):
        values, columns = scores.data[start:stop], scores.indices[start:stop]
        near = np.flatnonzero((values > 0) & (columns != first + row))
        if len(near) > count:
            bar = np.partition(values[near], len(near) - count)[len(near) - count]
            above, level = values[near] > bar, np.flatnonzero(values[near] == bar)
            above[level[: count - above.sum()]] = True
            near = near[above]
        kept.append(start + near)
    chosen = np.concatenate(kept)
    ends = np.cumsum([0, *map(len, kept)])
    return sp.csr_matrix((scores.data[chosen].astype(np.float32), scores.indices[chosen], ends), shape=scores.shape)
