"""Items as vectors: how near they are to each other."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from recsys.candidates.best import Scores

Real = TypeVar("Real", bound=np.floating)
PRECISION = 6
"Decimals of a cosine that count."


def unit(vectors: NDArray[Real]) -> NDArray[Real]:
    """The rows at length 1; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    divided: NDArray[Real] = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return divided


def cosines(vectors: NDArray[Real], columns: NDArray[np.int64]) -> Scores:
    """Cosine of each of ``columns`` with every item, shape (columns, items); -inf where it is not positive."""
    near = unit(vectors)
    found = np.round(near[columns] @ near.T, PRECISION).astype(np.float32)
    return np.where(found > 0, found, np.float32(-np.inf))
