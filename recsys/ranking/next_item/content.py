"""What items are made of: attributes and words, as tokens."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys.candidates.heaviest import heaviest

MOST_TOKENS: Final = 3000
NEIGHBOURS: Final = 100
COMMON: Final = 0.1
"""A token of more than this share of the items brings no neighbours: it is told by nearly everything."""
ITEM_BLOCK: Final = 2000
SMALLEST: Final = 1e-9
PRIOR: Final = 1.0
"""Added to counts of tokens that follow each other, so that few say little."""


@dataclass(frozen=True)
class Content:
    """Tokens of items, heavier where rare."""

    tokens: sp.csr_matrix
    "Items × tokens, tf-idf, rows of length 1 (or 0: nothing is known)."
    near: sp.csr_matrix
    "Items × items: cosine, the nearest of each, float32."

    @classmethod
    def of(cls, has: sp.csr_matrix) -> Self:
        """From items × tokens, where an entry says that the item has the token; the commonest tokens are kept."""
        has = has.copy()
        has.data = np.ones_like(has.data)
        items_of = np.bincount(has.indices, minlength=has.shape[1])
        kept = np.sort(np.argsort(-items_of, kind="stable")[:MOST_TOKENS])
        has, items_of = has[:, kept], items_of[kept]
        weighted = has @ sp.diags_array(np.log((has.shape[0] + 1) / (items_of + 1)) + SMALLEST)
        tokens = _of_length_one(weighted)
        telling = _of_length_one((weighted @ sp.diags_array((items_of <= COMMON * has.shape[0]).astype(float))).tocsr())
        across = telling.T.tocsr()
        near = [
            _without_self(telling[start : start + ITEM_BLOCK] @ across, start)
            for start in range(0, has.shape[0], ITEM_BLOCK)
        ]
        return cls(tokens, sp.vstack(near, format="csr"))

    def follows(self, counts: sp.csr_matrix) -> NDArray[np.float32]:
        """Tokens × tokens: how often one follows another where items follow as ``counts`` (items × items) says.

        Over what chance would give, as a logarithm: 0 is chance, positive more often.
        """
        seen = np.asarray((self.tokens.T @ counts @ self.tokens).todense(), dtype=np.float64)
        total = max(seen.sum(), SMALLEST)
        chance = seen.sum(axis=1, keepdims=True) * seen.sum(axis=0, keepdims=True) / total
        lift: NDArray[np.float32] = np.log((seen + PRIOR) / (chance + PRIOR)).astype(np.float32)
        return lift


def _of_length_one(matrix: sp.csr_matrix) -> sp.csr_matrix:
    length = np.sqrt(np.asarray(matrix.power(2).sum(axis=1)).ravel())
    return (sp.diags_array(1 / np.maximum(length, SMALLEST)) @ matrix).tocsr()


def _without_self(likeness: sp.csr_matrix, first: int) -> sp.csr_matrix:
    likeness = likeness.tocoo()
    other = likeness.col != likeness.row + first
    kept = sp.csr_matrix((likeness.data[other], (likeness.row[other], likeness.col[other])), shape=likeness.shape)
    return heaviest(kept, NEIGHBOURS)
