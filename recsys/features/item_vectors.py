"""Items as vectors: two items met by the same users lie near each other."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import svds

from recsys import columns as c

DIMENSIONS: Final = 32
TOLERANCE: Final = 0.01
"Of the singular values, relative: nearness is asked for, not digits."


@dataclass(frozen=True)
class ItemVectors:
    """The inner product of two items' vectors is about the cosine of the sets of users who met them."""

    items: pl.Series
    "Item ids, sorted."
    vectors: NDArray[np.float32]
    "Shape (items, at most DIMENSIONS)."

    @classmethod
    def of(cls, interactions: pl.DataFrame, *, rng: np.random.Generator, dimensions: int = DIMENSIONS) -> Self:
        """Vectors of all items of ``interactions`` (user_id, item_id): a truncated SVD of items × users.

        ``rng`` gives the SVD its starting point.
        """
        met = interactions.select(c.USER_ID, c.ITEM_ID).unique().sort(c.ITEM_ID, c.USER_ID)
        items = met[c.ITEM_ID].unique().sort()
        if met.is_empty():
            return cls(items, np.zeros((0, 1), dtype=np.float32))
        row, column = (met[name].rank("dense").cast(pl.Int64).to_numpy() - 1 for name in (c.ITEM_ID, c.USER_ID))
        length = 1 / np.sqrt(np.bincount(row)[row])
        unit = sp.csr_matrix((length, (row, column)), shape=(len(items), int(column.max()) + 1))
        return cls(items, _projected(unit, dimensions, rng).astype(np.float32))

    def at(self, items: pl.Series) -> NDArray[np.float32]:
        """One row per element of ``items``; zeros, which are like nothing, for items nobody met."""
        places = pl.DataFrame({c.ITEM_ID: self.items}).with_row_index(_PLACE, offset=1)
        wanted = items.to_frame(c.ITEM_ID).join(places, on=c.ITEM_ID, how="left", maintain_order="left")
        with_nobody = np.vstack([np.zeros_like(self.vectors[:1], shape=(1, self.vectors.shape[1])), self.vectors])
        found: NDArray[np.float32] = with_nobody[wanted[_PLACE].fill_null(0).to_numpy()]
        return found


def _projected(matrix: sp.csr_matrix, dimensions: int, rng: np.random.Generator) -> NDArray[np.float64]:
    smaller = min(matrix.shape)
    if smaller <= dimensions + 1:
        left, weights, _ = np.linalg.svd(matrix.toarray(), full_matrices=False)
    else:
        left, weights, _ = svds(matrix, k=dimensions, v0=rng.random(smaller), tol=TOLERANCE)
    projected: NDArray[np.float64] = left * weights
    return projected


_PLACE = "_place"
