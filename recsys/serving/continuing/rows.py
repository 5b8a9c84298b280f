"""A sparse table as three arrays, read row by row."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from recsys.serving.continuing.scorer import Arrays

SPARSE = 32
"""Entries of which there are so many times fewer than columns are added up by sorting them."""
STARTS, COLUMNS, VALUES = "starts", "columns", "values"


@dataclass(frozen=True)
class Rows:
    """Row n has ``values[starts[n]:starts[n + 1]]`` at ``columns``, which rise within a row."""

    starts: "NDArray[np.int64]"
    columns: "NDArray[np.int32]"
    values: "NDArray[np.float32]"

    def __len__(self) -> int:
        return len(self.starts) - 1

    @classmethod
    def of(cls, arrays: "Arrays") -> Self:
        """From those of ``arrays``, by their names."""
        return cls(arrays[STARTS], arrays[COLUMNS], arrays[VALUES])

    @classmethod
    def of_sparse(cls, matrix: Any) -> Self:
        """From a ``scipy.sparse.csr_matrix`` with sorted columns."""
        import numpy as np

        return cls(
            matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data.astype(np.float32, copy=False)
        )

    def arrays(self) -> "dict[str, NDArray[Any]]":
        return {STARTS: self.starts, COLUMNS: self.columns, VALUES: self.values}

    def entries(self, rows: "NDArray[np.int64]") -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
        """Places of all entries of some rows in ``columns`` and ``values``, and which of ``rows`` each is of."""
        import numpy as np

        first, sizes = self.starts[rows], self.starts[rows + 1] - self.starts[rows]
        ends = np.cumsum(sizes)
        at = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - ends + sizes, sizes)
        return at, np.repeat(np.arange(len(rows)), sizes)

    def values_at(self, row: int, columns: "NDArray[np.int64]") -> "NDArray[np.float32]":
        """What a row has at some columns; 0 where it has nothing."""
        import numpy as np

        inside = slice(self.starts[row], self.starts[row + 1])
        held = self.columns[inside]
        if not len(held):
            return np.zeros(len(columns), dtype=np.float32)
        at = np.minimum(np.searchsorted(held, columns), len(held) - 1)
        found: NDArray[np.float32] = np.where(held[at] == columns, self.values[inside][at], np.float32(0))
        return found


def summed(
    columns: "NDArray[np.int32]", values: "NDArray[Any]", width: int
) -> "tuple[NDArray[np.int64], NDArray[np.float32]]":
    """Every column with a positive sum of its values, rising, and the sum; ``width``: how many columns there are."""
    import numpy as np

    if len(columns) * SPARSE < width:
        distinct, place = np.unique(columns, return_inverse=True)
        total = np.bincount(place, values)
        positive = np.flatnonzero(total > 0)
        return distinct[positive].astype(np.int64), total[positive].astype(np.float32)
    total = np.bincount(columns, values, minlength=width)
    found = np.flatnonzero(total > 0)
    return found, total[found].astype(np.float32)
