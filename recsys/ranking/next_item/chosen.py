"""Which items are worth ranking: the best of all views together."""

from typing import Final

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys.candidates.heaviest import first_highest
from recsys.ranking.next_item.views import OWN, WEIGHTS

SMALLEST: Final = 1e-9
PRECISION: Final = 6
"""Decimals of a score that count in choosing: what differs below them is rounding noise."""
Columns = NDArray[np.int64]
"Shape (queries, candidates): columns of items, best first; -1: there are no more."


def blend(views: dict[str, sp.csr_matrix], own: sp.csr_matrix, *, repeats: bool) -> sp.csr_matrix:
    """The weighted shares of all views added up, queries × items.

    ``own`` has weights of the queries' own items; with ``repeats`` they may come again, else they never do.
    """
    together = sum(WEIGHTS[name] * shares(scores) for name, scores in views.items() if name in WEIGHTS)
    if repeats:
        return (together + WEIGHTS[OWN] * own).tocsr()
    together = (together - together.multiply(own > 0)).tocsr()
    together.data[together.data < SMALLEST] = 0.0
    together.eliminate_zeros()
    return together


def shares(scores: sp.csr_matrix) -> sp.csr_matrix:
    """Every row over its highest."""
    highest = np.maximum(scores.max(axis=1).toarray().ravel(), SMALLEST)
    return sp.diags_array(1 / highest) @ scores


def best_of(scores: sp.csr_matrix, count: int) -> Columns:
    """The ``count`` highest of each row, best first, the lower column on ties."""
    scores.sort_indices()
    chosen = np.full((scores.shape[0], count), -1, dtype=np.int64)
    for row in range(scores.shape[0]):
        inside = slice(scores.indptr[row], scores.indptr[row + 1])
        values, columns = scores.data[inside].round(PRECISION), scores.indices[inside]
        kept = np.flatnonzero(first_highest(values, count))
        kept = kept[np.argsort(-values[kept], kind="stable")]
        chosen[row, : len(kept)] = columns[kept]
    return chosen


def entries(matrix: sp.csr_matrix, columns: Columns) -> NDArray[np.float32]:
    """The values of ``matrix`` at ``columns`` of each row; 0 where it has none. Shape of ``columns``."""
    if not matrix.nnz:
        return np.zeros(columns.shape, dtype=np.float32)
    matrix.sort_indices()
    width = matrix.shape[1]
    keys = np.repeat(np.arange(matrix.shape[0]) * width, np.diff(matrix.indptr)) + matrix.indices
    asked = np.arange(len(columns))[:, None] * width + columns
    at = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return np.where((keys[at] == asked) & (columns >= 0), matrix.data[at], 0.0).astype(np.float32)
