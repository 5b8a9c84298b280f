"""EASE with recency: one closed-form linear model from what a user did to what it does next.

Source: Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019. Here a pair's entry is the weight of its
heaviest event after decay, so the model explains what is bought now, and the user's own old events count less.
"""

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import PositiveFloat, PositiveInt
from scipy.linalg import get_lapack_funcs
from threadpoolctl import threadpool_limits

from recsys.candidates.best import Scores
from recsys.candidates.history import History
from recsys.candidates.query import QueryGenerator, QueryParams

MIRRORED_AT_ONCE = 256
"""Rows of the inverse that are read as columns too, while they are in the processor's cache."""
FLOAT32_CONDITION = 1e3
"""Up to this condition number float32, of seven digits, leaves effects four; beyond it the inverse is of float64."""


class EaseParams(QueryParams):
    """Regularization, forgetting, and the size up to which the closed form is affordable."""

    reg: PositiveFloat = 100.0
    "L2 regularization, in squared weights."
    half_life_days: PositiveFloat | None = 20.0
    "For learning: an event this much older than the newest counts half; null: age does not matter."
    query_half_life_days: PositiveFloat | None = 90.0
    "The same for the user's own history when asked."
    max_items: PositiveInt = 4000
    "Only the items of most weight are modelled: memory grows with the square, time with the cube."


class Ease(QueryGenerator[EaseParams]):
    """Items that a linear model expects next to the user's history."""

    name = "ease"
    learned = ("_kept", "_effects")

    def __init__(self, params: EaseParams | None = None) -> None:
        super().__init__(params or EaseParams())

    def _learn(self, interactions: pl.DataFrame, items: pl.DataFrame, rng: np.random.Generator) -> History:
        learn = History.of(interactions, half_life_days=self.params.half_life_days, repeats="best").matrix
        mass = np.asarray(learn.sum(axis=0)).ravel()
        self._kept = np.sort(np.argsort(-mass, kind="stable")[: self.params.max_items])
        self._effects = _effects(learn[:, self._kept], self.params.reg)
        return History.of(interactions, half_life_days=self.params.query_half_life_days, repeats="best")

    def _scores(self, queries: sp.csr_matrix) -> Scores:
        scores = np.full(queries.shape, -np.inf, dtype=np.float32)
        found = queries[:, self._kept] @ self._effects
        scores[:, self._kept] = np.where(found > 0, found, -np.inf)
        return scores


def _effects(matrix: sp.csr_matrix, reg: float) -> NDArray[np.float32]:
    """B = I - P diag(1 / diag(P)) with P = (XᵀX + reg·I)⁻¹; row: item known, column: item expected."""
    gram = (matrix.T @ matrix).toarray()
    effects = np.zeros(gram.shape, dtype=np.float32)
    if not gram.size:
        return effects
    largest = gram.sum(axis=0, dtype=np.float64).max()  # no eigenvalue is above it
    gram = gram.astype(np.float32 if largest / reg < FLOAT32_CONDITION else np.float64, copy=False)
    diagonal = np.diag_indices(len(gram))
    gram[diagonal] += reg
    factorize, invert = get_lapack_funcs(("potrf", "potri"), (gram,))
    with threadpool_limits(1, "blas"):  # sums are added in one order on any number of cores
        factor, _ = factorize(gram.T, lower=1, clean=0, overwrite_a=1)  # symmetric: the transpose is in Fortran's order
        half, _ = invert(factor, lower=1, overwrite_c=1)
    weight = -half[diagonal]
    for start in range(0, len(weight), MIRRORED_AT_ONCE):  # above the diagonal, ``half`` has what was there before
        stop = start + MIRRORED_AT_ONCE
        left, square = half[start:stop, :start], np.tril(half[start:stop, start:stop])
        effects[start:stop, :start] = left / weight[:start]
        effects[:start, start:stop] = left.T / weight[start:stop]
        effects[start:stop, start:stop] = (square + np.tril(square, -1).T) / weight[start:stop]
    effects[diagonal] = 0.0
    return effects
