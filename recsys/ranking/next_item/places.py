"""Items as points: near where they stand near the same others, though never beside each other."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys.candidates.sequences import Sequences
from recsys.ranking.next_item.chosen import Columns

SIZE: Final = 64
OVERSAMPLED: Final = 16
ROUNDS: Final = 3
DECAY: Final = 0.7
SEED: Final = 7


@dataclass(frozen=True)
class Places:
    """One point per item, of length 1 (or 0 for an item that never stood beside another)."""

    points: NDArray[np.float32]

    @classmethod
    def of(cls, counts: sp.csr_matrix) -> Self:
        """From items × items: the leading subspace of the counts, made symmetric and degree-normalised.

        Source: Halko, Martinsson and Tropp, "Finding structure with randomness", SIAM Review 53(2), 2011. The start is
        fixed, so equal counts give equal points.
        """
        width = counts.shape[0]
        both = (counts + counts.T).tocsr()
        degree = np.maximum(np.asarray(both.sum(axis=1)).ravel(), 1.0) ** -0.5
        matrix = (sp.diags_array(degree) @ both @ sp.diags_array(degree)).astype(np.float32)
        size = min(SIZE, width)
        start = np.random.default_rng(SEED).standard_normal((width, min(size + OVERSAMPLED, width)), dtype=np.float32)
        basis, _ = np.linalg.qr(matrix @ start)
        for _ in range(ROUNDS):
            basis, _ = np.linalg.qr(matrix @ basis)
        values, vectors = np.linalg.eigh(basis.T @ (matrix @ basis))
        leading = np.argsort(-values, kind="stable")[:size]
        points = (basis @ vectors[:, leading]) * np.sqrt(np.maximum(values[leading], 0.0))
        return cls(_of_length_one(points.astype(np.float32)))

    def likeness(self, queries: Sequences, columns: Columns) -> dict[str, NDArray[np.float32]]:
        """Cosine of each candidate with its query, and with the query's last item."""
        candidates = self.points[columns]
        found = {}
        for name, weights in (("place_all", queries.ends(DECAY)), ("place_last", queries.ends(1.0, at_most=1))):
            found[name] = np.einsum("qcd,qd->qc", candidates, _of_length_one(weights @ self.points))
        return found


def _of_length_one(points: NDArray[np.float32]) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-9)
    return scaled
