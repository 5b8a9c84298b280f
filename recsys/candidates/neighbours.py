"""Item-item neighbours as ``implicit`` computes them: cosine, TF-IDF or BM25 of the users × items matrix.

Source of the weights: Robertson and Zaragoza, "The probabilistic relevance framework: BM25 and beyond", 2009. A user is
what a term is there, and an item the document.
"""

from typing import Annotated, Literal

import numpy as np
import polars as pl
import scipy.sparse as sp
from implicit.nearest_neighbours import all_pairs_knn, bm25_weight, normalize, tfidf_weight
from pydantic import Field, PositiveFloat, PositiveInt

from recsys.candidates.best import Scores
from recsys.candidates.history import History
from recsys.candidates.query import QueryGenerator, QueryParams
from recsys.cores import cores


class NeighboursParams(QueryParams):
    """Which similarity, forgetting, and how many neighbours are kept."""

    similarity: Literal["cosine", "tfidf", "bm25"] = "bm25"
    "How pairs of items are compared."
    bm25_saturation: PositiveFloat = 1.2
    "BM25's K1: how soon more of the same stops to count."
    bm25_length: Annotated[float, Field(ge=0.0, le=1.0)] = 0.75
    "BM25's B: how much an item's popularity is divided out."
    half_life_days: PositiveFloat | None = 30.0
    "For learning: an event this much older than the newest counts half; null: age does not matter."
    query_half_life_days: PositiveFloat | None = 30.0
    "The same for the user's own history when asked."
    neighbours: PositiveInt = 100
    "Similar items kept per item."
    max_user_items: PositiveInt = 5000
    "Only so many of a user's items, the heaviest, teach: time grows with their square."


class Neighbours(QueryGenerator[NeighboursParams]):
    """Neighbours of what the user did, by a textbook similarity."""

    name = "neighbours"
    learned = ("_near",)

    def __init__(self, params: NeighboursParams | None = None) -> None:
        super().__init__(params or NeighboursParams())

    def _learn(self, interactions: pl.DataFrame, items: pl.DataFrame, rng: np.random.Generator) -> History:
        params = self.params
        learn = History.of(interactions, half_life_days=params.half_life_days).heaviest(params.max_user_items).matrix
        self._near = self._similarities(learn.astype(np.float64))
        return History.of(interactions, half_life_days=params.query_half_life_days, repeats="best")

    def _scores(self, queries: sp.csr_matrix) -> Scores:
        found: Scores = (queries @ self._near).toarray()
        found[found <= 0] = -np.inf
        return found

    def _similarities(self, matrix: sp.csr_matrix) -> sp.csr_matrix:
        """Items × items, float32, the ``neighbours`` best per row, no diagonal."""
        matrix.eliminate_zeros()
        if not matrix.nnz:
            return sp.csr_matrix((matrix.shape[1], matrix.shape[1]), dtype=np.float32)
        kept = self.params.neighbours + 1  # the item itself is its own nearest
        near = all_pairs_knn(
            self._weighed(matrix.T).T.tocsr(), kept, self.params.threads or cores(), show_progress=False
        ).tocsr()
        near.setdiag(0.0)
        near.eliminate_zeros()
        return near.astype(np.float32)

    def _weighed(self, by_item: sp.csr_matrix) -> sp.coo_matrix:
        """Items × users, so that the product of two rows is their similarity."""
        params = self.params
        if params.similarity == "bm25":
            return bm25_weight(by_item, K1=params.bm25_saturation, B=params.bm25_length)
        weighed = tfidf_weight(by_item) if params.similarity == "tfidf" else by_item
        with np.errstate(invalid="ignore"):  # an item whose users all touched everything has no direction
            unit = normalize(weighed)
        unit.data = np.nan_to_num(unit.data)
        return unit
