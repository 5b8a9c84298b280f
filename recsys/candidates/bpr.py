"""Factors that put what a user took before what it did not: Bayesian personalized ranking.

Source: Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback", UAI 2009; learned by ``implicit``.
"""

import numpy as np
import polars as pl
import scipy.sparse as sp
from implicit.cpu.bpr import BayesianPersonalizedRanking
from numpy.typing import NDArray
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from recsys.candidates.best import Scores
from recsys.candidates.factors import PRECISION, cosines
from recsys.candidates.history import History
from recsys.candidates.query import QueryGenerator, SessionParams
from recsys.candidates.vectors import Vectors

SEED_BELOW = 2**31


class BprParams(SessionParams):
    """Size, steps and regularization of the factors."""

    embedding_size: PositiveInt = 64
    "Factors per user and item."
    learning_rate: PositiveFloat = 0.05
    "Length of a step."
    reg: NonNegativeFloat = 0.01
    "L2 regularization."
    epochs: PositiveInt = 100
    "Passes over the pairs. They run on one core: several would race, and no two runs would agree."


class Bpr(QueryGenerator[BprParams]):
    """Items that the user's factors rank first; a session's are the mean of its items'."""

    name = "bpr"
    learned = ("_users", "_items")

    def __init__(self, params: BprParams | None = None) -> None:
        super().__init__(params or BprParams())

    def _learn(self, interactions: pl.DataFrame, items: pl.DataFrame, rng: np.random.Generator) -> History:
        history = History.of(interactions, half_life_days=None)
        params, matrix = self.params, history.matrix.copy()
        matrix.eliminate_zeros()
        self._users = np.zeros((matrix.shape[0], 1))
        self._items = np.zeros((matrix.shape[1], 1))
        if matrix.nnz:
            model = BayesianPersonalizedRanking(
                factors=params.embedding_size,
                learning_rate=params.learning_rate,
                regularization=params.reg,
                iterations=params.epochs,
                num_threads=1,
                random_state=int(rng.integers(SEED_BELOW)),
            )
            model.fit(matrix, show_progress=False)
            self._users, self._items = (f.astype(np.float64) for f in (model.user_factors, model.item_factors))
        return history

    def vectors(self) -> Vectors:
        """Factors of users and items."""
        history = self._fitted()
        return Vectors(history.users, self._users, history.items, self._items)

    def _user_scores(self, rows: NDArray[np.int64]) -> Scores:
        return _rounded(self._users[rows] @ self._items.T)

    def _scores(self, queries: sp.csr_matrix) -> Scores:
        weight = np.asarray(queries.sum(axis=1))
        profile = (queries @ self._items) / np.where(weight > 0, weight, 1.0)
        profile[:, -1] = 1.0  # the last factor of an item is its bias
        return _rounded(profile @ self._items.T)

    def _item_scores(self, columns: NDArray[np.int64]) -> Scores:
        return cosines(self._items[:, :-1], columns)


def _rounded(scores: NDArray[np.float64]) -> Scores:
    return np.round(scores, PRECISION).astype(np.float32)
