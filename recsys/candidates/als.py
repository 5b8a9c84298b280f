"""Implicit matrix factorization by alternating least squares.

Source: Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008; solved by
``implicit``.
"""

from itertools import pairwise

import numpy as np
import polars as pl
import scipy.sparse as sp
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from pydantic import PositiveFloat, PositiveInt
from threadpoolctl import threadpool_limits

from recsys.candidates.best import Scores
from recsys.candidates.factors import cosines
from recsys.candidates.history import History
from recsys.candidates.query import QueryGenerator, SessionParams
from recsys.candidates.vectors import Vectors
from recsys.cores import cores

SEED_BELOW = 2**31
PRECISION = 6
"Decimals of a score that count: a product of matrices differs below them with the number of users asked at once."


class AlsParams(SessionParams):
    """Size and regularization of the factors."""

    embedding_size: PositiveInt = 64
    "Factors per user and item."
    reg: PositiveFloat = 0.05
    "L2 regularization."
    alpha: PositiveFloat = 10.0
    "Confidence of a unit of weight, on top of 1 for everything unseen."
    epochs: PositiveInt = 12
    half_life_days: PositiveFloat | None = 60.0
    "An event this much older than the newest counts half; null: age does not matter."


class Als(QueryGenerator[AlsParams]):
    """Items whose factors point where the user's do; a session's are solved for when it is asked about."""

    name = "als"
    learned = ("_users", "_items", "_ridge")

    def __init__(self, params: AlsParams | None = None) -> None:
        super().__init__(params or AlsParams())

    def _learn(self, interactions: pl.DataFrame, items: pl.DataFrame, rng: np.random.Generator) -> History:
        params = self.params
        history = History.of(interactions, half_life_days=params.half_life_days)
        matrix = self._confidence(history.matrix)
        with threadpool_limits(1, "blas"):  # implicit threads over rows itself; BLAS threads inside would fight it
            model = AlternatingLeastSquares(
                factors=min(params.embedding_size, *matrix.shape),
                regularization=params.reg,
                alpha=1.0,
                iterations=params.epochs,
                num_threads=params.threads or cores(),
                random_state=int(rng.integers(SEED_BELOW)),
                dtype=np.float64,
                use_native=True,
                use_cg=True,
            )
            model.fit(matrix, show_progress=False)
        self._users: NDArray[np.float64] = model.user_factors
        self._items: NDArray[np.float64] = model.item_factors
        self._ridge = self._items.T @ self._items + params.reg * np.eye(self._items.shape[1])
        return history

    def vectors(self) -> Vectors:
        """Factors of users and items."""
        history = self._fitted()
        return Vectors(history.users, self._users, history.items, self._items)

    def _user_scores(self, rows: NDArray[np.int64]) -> Scores:
        return np.round(self._users[rows] @ self._items.T, PRECISION).astype(np.float32)

    def _scores(self, queries: sp.csr_matrix) -> Scores:
        confidence = self._confidence(queries)
        folded = np.zeros((confidence.shape[0], self._items.shape[1]))
        for row, (start, stop) in enumerate(pairwise(confidence.indptr)):
            known, weights = self._items[confidence.indices[start:stop]], confidence.data[start:stop]
            folded[row] = np.linalg.solve(self._ridge + (known.T * (weights - 1.0)) @ known, known.T @ weights)
        return np.round(folded @ self._items.T, PRECISION).astype(np.float32)

    def _item_scores(self, columns: NDArray[np.int64]) -> Scores:
        return cosines(self._items, columns)

    def _confidence(self, weights: sp.csr_matrix) -> sp.csr_matrix:
        confidence = weights.copy()
        confidence.data = self.params.alpha * np.log1p(confidence.data)
        return confidence
