"""The heaviest entries of each row of a sparse matrix."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray


def heaviest(matrix: sp.csr_matrix, count: int) -> sp.csr_matrix:
    """The ``count`` highest entries of each row, the lower column on ties, as float32 with sorted columns."""
    matrix = matrix.tocsr()
    matrix.sort_indices()
    kept = np.ones(matrix.nnz, dtype=bool)
    for row in np.flatnonzero(np.diff(matrix.indptr) > count):
        inside = slice(matrix.indptr[row], matrix.indptr[row + 1])
        kept[inside] = first_highest(matrix.data[inside], count)
    ends = np.concatenate([[0], np.cumsum(kept)])[matrix.indptr]
    return sp.csr_matrix((matrix.data[kept].astype(np.float32), matrix.indices[kept], ends), shape=matrix.shape)


def first_highest(values: NDArray[np.floating], count: int) -> NDArray[np.bool_]:
    """Which of ``values`` are its ``count`` highest; of equals the earlier."""
    if count >= len(values):
        return np.ones(len(values), dtype=bool)
    bar = np.partition(values, len(values) - count)[len(values) - count]
    chosen: NDArray[np.bool_] = values > bar
    level = np.flatnonzero(values == bar)
    chosen[level[: count - int(chosen.sum())]] = True
    return chosen
