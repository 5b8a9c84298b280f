"""Implicit matrix factorization by alternating least squares.

Source: Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008; solved by
``implicit``.
"""

from collections.abc import Sequence
from typing import Annotated, Self

import numpy as np
import polars as pl
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PositiveInt
from threadpoolctl import threadpool_limits

from recsys.candidates.best import Scores, generate_best
from recsys.candidates.history import History
from recsys.errors import NotFittedError
from recsys.types import Frozen, UserId

SEED_BELOW = 2**31
PRECISION = 6
"Decimals of a score that count: a product of matrices differs below them with the number of users asked at once."


class AlsParams(Frozen):
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
    threads: Annotated[int, Field(ge=0)] = 0
    "Cores used; 0: all. The result is the same."


class Als:
    """Items whose factors point where the user's do."""

    name = "als"

    def __init__(self, params: AlsParams | None = None) -> None:
        self.params = params or AlsParams()
        self._history: History | None = None

    def fit(self, interactions: pl.DataFrame, *, items: pl.DataFrame, rng: np.random.Generator) -> Self:
        """Learns float64 factors of every user and item with an event; same rows and rng, same factors."""
        params = self.params
        history = History.of(interactions, half_life_days=params.half_life_days)
        matrix = history.matrix.copy()
        matrix.data = params.alpha * np.log1p(matrix.data)
        with threadpool_limits(1, "blas"):  # implicit threads over rows itself; BLAS threads inside would fight it
            model = AlternatingLeastSquares(
                factors=min(params.embedding_size, *matrix.shape),
                regularization=params.reg,
                alpha=1.0,
                iterations=params.epochs,
                num_threads=params.threads,
                random_state=int(rng.integers(SEED_BELOW)),
                dtype=np.float64,
                use_native=True,
                use_cg=True,
            )
            model.fit(matrix, show_progress=False)
        self._users: NDArray[np.float64] = model.user_factors
        self._items: NDArray[np.float64] = model.item_factors
        self._available = history.available(items)
        self._history = history
        return self

    def generate(self, users: Sequence[UserId], *, k: int, exclude: pl.DataFrame) -> pl.DataFrame:
        if self._history is None:
            raise NotFittedError("als was asked before fit; call fit(interactions, items=…, rng=…) first")

        def score(rows: NDArray[np.int64]) -> Scores:
            return np.round(self._users[rows] @ self._items.T, PRECISION).astype(np.float32)

        return generate_best(
            self._history, score, users=users, k=k, exclude=exclude, available=self._available, source=self.name
        )
