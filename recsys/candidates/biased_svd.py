"""Ratings as a mean, what a user and an item add to it, and a product of factors; learned from observed ratings only.

A rating of user u for item i is expected to be μ + b(u) + b(i) + p(u)·q(i). Users (p, b) and items (q, b) are solved
for in turn, each by ridge regression on its own ratings: alternating least squares.

Source: Koren, Bell and Volinsky, "Matrix factorization techniques for recommender systems", Computer 42(8), 2009; and,
for regularization that grows with the number of ratings, Zhou et al., "Large-scale parallel collaborative filtering for
the Netflix prize", AAIM 2008.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from recsys.types import Frozen

Array = NDArray[np.float64]
TINY = 1e-6
"The least that a bias is held back; without any, a single rating would be all."
CELLS = 2_000_000
"Factors gathered at a time: 16 MB."


class BiasedSvdParams(Frozen):
    """Size and regularization."""

    embedding_size: PositiveInt = 64
    "Factors per user and item."
    reg: PositiveFloat = 0.16
    "L2 regularization of the factors, per rating."
    damping: NonNegativeFloat = 3.0
    "Ratings of the mean that every user and item is thought to have beside its own: few ratings move a bias little."
    epochs: PositiveInt = 15
    "Passes over users and items."


@dataclass(frozen=True)
class BiasedSvd:
    """What was learned; a row that had no rating has zeros, which is to say: as the mean."""

    mean: float
    low: float
    high: float
    "Ratings lie between these."
    users: Array
    items: Array
    "Shape (rows, factors)."
    user_bias: Array
    item_bias: Array

    @classmethod
    def fit(cls, ratings: sp.csr_matrix, params: BiasedSvdParams, rng: np.random.Generator) -> Self:
        """Learns from the stored entries of users × items, zeros among them; there must be at least one."""
        by_user, by_item = ratings.tocsr(), ratings.T.tocsr()
        mean, size = float(ratings.data.mean()), params.embedding_size
        item_bias, user_bias = _biases(by_user, by_item, mean, params.damping)
        items = rng.normal(0.0, 0.1, (by_item.shape[0], size)) * (np.diff(by_item.indptr) > 0)[:, None]
        for _ in range(params.epochs):
            users, user_bias = _solve(by_user, items, item_bias, mean, params)
            items, item_bias = _solve(by_item, users, user_bias, mean, params)
        return cls(mean, float(ratings.data.min()), float(ratings.data.max()), users, items, user_bias, item_bias)

    def predict(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Array:
        """Expected ratings of pairs; -1 is a user or an item that is not known, and adds nothing."""
        user, item = rows >= 0, columns >= 0
        both = np.einsum("nf,nf->n", self.users[rows], self.items[columns])
        expected = (
            self.mean + user * self.user_bias[rows] + item * self.item_bias[columns] + np.where(user & item, both, 0.0)
        )
        return np.clip(expected, self.low, self.high)


def _biases(by_user: sp.csr_matrix, by_item: sp.csr_matrix, mean: float, damping: float) -> tuple[Array, Array]:
    """Of items, then of users: damped means of what is left."""
    item_bias = _sums(by_item, by_item.data - mean) / (np.diff(by_item.indptr) + damping)
    left = by_user.data - mean - item_bias[by_user.indices]
    return np.nan_to_num(item_bias), np.nan_to_num(_sums(by_user, left) / (np.diff(by_user.indptr) + damping))


def _sums(matrix: sp.csr_matrix, data: Array) -> Array:
    found: Array = sp.csr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape).sum(axis=1).A1
    return found


def _solve(
    ratings: sp.csr_matrix, others: Array, other_bias: Array, mean: float, params: BiasedSvdParams
) -> tuple[Array, Array]:
    """Factors and bias of every row, given those of the columns; rows with as many ratings are solved together."""
    counts = np.diff(ratings.indptr)
    size = others.shape[1]
    known = np.hstack([others, np.ones((len(others), 1))])
    solved = np.zeros((ratings.shape[0], size + 1))
    order = np.argsort(counts, kind="stable")
    order = order[counts[order] > 0]
    for start, stop in pairwise(_cuts(counts[order], CELLS // (size + 1))):
        rows = order[start:stop]
        width = counts[rows].max()
        inside = np.arange(width) < counts[rows, None]
        at = np.where(inside, ratings.indptr[rows, None] + np.arange(width), 0)
        columns = ratings.indices[at]
        features = known[columns] * inside[:, :, None]
        targets = (ratings.data[at] - mean - other_bias[columns]) * inside
        ridge = np.full((len(rows), size + 1), max(params.damping, TINY))
        ridge[:, :size] = params.reg * counts[rows, None]
        solved[rows] = _ridge(features, targets, ridge)
    return solved[:, :size], solved[:, size]


def _ridge(features: Array, targets: Array, ridge: Array) -> Array:
    """Solves (XᵀX + D)·b = Xᵀy for each X of ``features``, D the diagonal ``ridge``; few rows in their own space."""
    lean = features / ridge[:, None, :]
    if features.shape[1] < features.shape[2]:
        gram = features @ lean.transpose(0, 2, 1) + np.eye(features.shape[1])
        few: Array = np.asarray((lean.transpose(0, 2, 1) @ np.linalg.solve(gram, targets[:, :, None]))[:, :, 0])
        return few
    gram = features.transpose(0, 2, 1) @ features
    gram[:, np.arange(gram.shape[1]), np.arange(gram.shape[1])] += ridge
    many: Array = np.asarray(np.linalg.solve(gram, features.transpose(0, 2, 1) @ targets[:, :, None])[:, :, 0])
    return many


def _cuts(counts: NDArray[np.int64], most: int) -> list[int]:
    """Where blocks of ascending ``counts`` start and end: rows × the longest stay under ``most``, or it is one row."""
    cuts = [0]
    for position, count in enumerate(counts):
        if position > cuts[-1] and (position + 1 - cuts[-1]) * count > most:
            cuts.append(position)
    return [*cuts, len(counts)] if len(counts) else [0]
