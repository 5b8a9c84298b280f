"""Items as vectors: how near they are to each other."""

import numpy as np
from numpy.typing import NDArray

from recsys.candidates.best import Scores

PRECISION = 6
"Decimals of a cosine that count."


def cosines(vectors: NDArray[np.floating], columns: NDArray[np.int64]) -> Scores:
    """Cosine of each of ``columns`` with every item, shape (columns, items); -inf where it is not positive."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    found = np.round(unit[columns] @ unit.T, PRECISION).astype(np.float32)
    return np.where(found > 0, found, np.float32(-np.inf))
