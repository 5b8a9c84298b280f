"""EASE with recency: one closed-form linear model from what a user did to what it does next.

Source: Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019. Here a pair's entry is the weight of its
heaviest event after decay, so the model explains what is bought now, and the user's own old events count less.
"""

from collections.abc import Sequence
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import PositiveFloat, PositiveInt
from scipy.linalg import cho_factor
from scipy.linalg.lapack import dpotri

from recsys.candidates.best import Scores, generate_best
from recsys.candidates.history import History
from recsys.errors import NotFittedError
from recsys.types import Frozen, UserId


class EaseParams(Frozen):
    """Regularization, forgetting, and the size up to which the closed form is affordable."""

    reg: PositiveFloat = 100.0
    "L2 regularization, in squared weights."
    half_life_days: PositiveFloat | None = 20.0
    "For learning: an event this much older than the newest counts half; null: age does not matter."
    query_half_life_days: PositiveFloat | None = 90.0
    "The same for the user's own history when asked."
    max_items: PositiveInt = 4000
    "Only the items of most weight are modelled: memory grows with the square, time with the cube."


class Ease:
    """Items that a linear model expects next to the user's history."""

    name = "ease"

    def __init__(self, params: EaseParams | None = None) -> None:
        self.params = params or EaseParams()
        self._history: History | None = None

    def fit(self, interactions: pl.DataFrame, *, items: pl.DataFrame, rng: np.random.Generator) -> Self:
        """Learns an items × items matrix with an empty diagonal. ``rng`` is not used."""
        learn = History.of(interactions, half_life_days=self.params.half_life_days, repeats="best").matrix
        history = History.of(interactions, half_life_days=self.params.query_half_life_days, repeats="best")
        mass = np.asarray(learn.sum(axis=0)).ravel()
        kept = np.sort(np.argsort(-mass, kind="stable")[: self.params.max_items])
        self._kept = kept
        self._effects = _effects(learn[:, kept], self.params.reg)
        self._available = history.available(items)
        self._queries = history.matrix[:, kept].tocsr()
        self._history = history
        return self

    def generate(self, users: Sequence[UserId], *, k: int, exclude: pl.DataFrame) -> pl.DataFrame:
        if self._history is None:
            raise NotFittedError("ease was asked before fit; call fit(interactions, items=…, rng=…) first")
        width = len(self._history.items)

        def score(rows: NDArray[np.int64]) -> Scores:
            scores = np.full((len(rows), width), -np.inf, dtype=np.float32)
            found = self._queries[rows] @ self._effects
            scores[:, self._kept] = np.where(found > 0, found, -np.inf)
            return scores

        return generate_best(
            self._history, score, users=users, k=k, exclude=exclude, available=self._available, source=self.name
        )


def _effects(matrix: object, reg: float) -> NDArray[np.float32]:
    """B = I - P diag(1 / diag(P)) with P = (XᵀX + reg·I)⁻¹; row: item known, column: item expected."""
    gram = (matrix.T @ matrix).toarray().astype(np.float64)  # type: ignore[attr-defined]
    diagonal = np.diag_indices(len(gram))
    gram[diagonal] += reg
    factor, _ = cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
    half, _ = dpotri(factor, lower=1, overwrite_c=1)
    inverse = np.tril(half)
    inverse += np.tril(half, -1).T
    inverse /= -inverse[diagonal]
    inverse[diagonal] = 0.0
    effects: NDArray[np.float32] = inverse.astype(np.float32)
    return effects
