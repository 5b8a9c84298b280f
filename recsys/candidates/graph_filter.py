"""A linear filter on the graph of users and items: neighbours, plus what survives a low-pass. Closed form.

With R̃ the matrix of weights divided by the roots of its row and column sums and V its first right singular vectors, the
filter is R̃ᵀR̃ + a·D^(-1/2) V Vᵀ D^(1/2), D the column sums: what neighbours share, and the smooth part of it.

Source: Shen et al., "How powerful is graph convolution for recommendation?" (GF-CF), CIKM 2021. Weights decay with age
here, and an item does not speak for itself.
"""

from typing import Annotated

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from scipy.sparse.linalg import svds

from recsys.candidates.best import Scores
from recsys.candidates.history import History
from recsys.candidates.query import QueryGenerator, QueryParams

ITEM_BLOCK = 512
PRECISION = 9
"Decimals of the filter that count: the rest is noise of the decomposition."


class GraphFilterParams(QueryParams):
    """Forgetting, and the shares of the two filters."""

    half_life_days: PositiveFloat | None = 30.0
    "For learning: an event this much older than the newest counts half; null: age does not matter."
    query_half_life_days: PositiveFloat | None = 60.0
    "The same for the user's own history when asked."
    embedding_size: PositiveInt = 128
    "Singular vectors of the low-pass."
    low_pass: NonNegativeFloat = 0.3
    "How much the low-pass counts beside the neighbours; 0: not at all."
    popularity_power: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    "How strongly an item's degree is divided out when it is proposed: 0.5 as published, 0 favours the popular."
    max_items: PositiveInt = 8000
    "Only the items of most weight are filtered: memory grows with the square, 256 MB at 8000."


class GraphFilter(QueryGenerator[GraphFilterParams]):
    """Items that the graph's smooth part links to the user's history."""

    name = "graph_filter"
    learned = ("_kept", "_filter")

    def __init__(self, params: GraphFilterParams | None = None) -> None:
        super().__init__(params or GraphFilterParams())

    def _learn(self, interactions: pl.DataFrame, items: pl.DataFrame, rng: np.random.Generator) -> History:
        learn = History.of(interactions, half_life_days=self.params.half_life_days, repeats="best").matrix
        mass = np.asarray(learn.sum(axis=0)).ravel()
        self._kept = np.sort(np.argsort(-mass, kind="stable")[: self.params.max_items])
        self._filter = _filter(learn[:, self._kept], self.params, rng)
        return History.of(interactions, half_life_days=self.params.query_half_life_days, repeats="best")

    def _scores(self, queries: sp.csr_matrix) -> Scores:
        scores = np.full(queries.shape, -np.inf, dtype=np.float32)
        found = queries[:, self._kept] @ self._filter
        scores[:, self._kept] = np.where(found > 0, found, -np.inf)
        return scores


def _filter(matrix: sp.csr_matrix, params: GraphFilterParams, rng: np.random.Generator) -> NDArray[np.float32]:
    """Items × items with an empty diagonal; row: item known, column: item proposed."""
    degrees = np.asarray(matrix.sum(axis=0, dtype=np.float64)).ravel()
    of_users = np.asarray(matrix.sum(axis=1, dtype=np.float64)).ravel()
    balanced = (sp.diags_array(_power(of_users, -0.5)) @ matrix.astype(np.float64)).tocsr()
    scaled = (balanced @ sp.diags_array(_power(degrees, -0.5))).tocsr()
    known = (balanced @ sp.diags_array(_power(degrees, params.popularity_power - 1.0))).T.tocsr()
    proposed = (balanced @ sp.diags_array(_power(degrees, -params.popularity_power))).tocsr()
    vectors = _smooth(scaled, params.embedding_size, rng) if params.low_pass else np.zeros((len(degrees), 0))
    enters = vectors * (params.low_pass * _power(degrees, params.popularity_power - 1.0))[:, None]
    leaves = vectors.T * _power(degrees, 1.0 - params.popularity_power)
    filtered = np.empty((len(degrees), len(degrees)), dtype=np.float32)
    for start in range(0, len(degrees), ITEM_BLOCK):
        stop = start + ITEM_BLOCK
        block = (known[start:stop] @ proposed).toarray() + enters[start:stop] @ leaves
        filtered[start:stop] = np.round(block, PRECISION)
    np.fill_diagonal(filtered, 0.0)
    return filtered


def _smooth(scaled: sp.csr_matrix, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """The first right singular vectors, shape (items, at most ``count``)."""
    small = min(scaled.shape)
    if small <= count + 1:
        _, values, vectors = np.linalg.svd(scaled.toarray(), full_matrices=False)
        present: NDArray[np.float64] = vectors[: min(count, int((values > 1e-9).sum()))].T
        return present
    _, _, vectors = svds(scaled, k=count, v0=rng.standard_normal(small), return_singular_vectors="vh")
    return np.ascontiguousarray(vectors.T)


def _power(sums: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """0 to any power is 0: who has no weight says nothing."""
    return np.where(sums > 0, np.where(sums > 0, sums, 1.0) ** exponent, 0.0)
