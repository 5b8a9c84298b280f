"""The best of some scores, with one rule for ties."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NOISE_BITS: Final = 7
"""Of the 24 bits of a score: sums in another order differ there."""


def settled(scores: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """The scores without the bits that are noise: relative steps of 2⁻¹⁷, so that what should tie does."""
    import numpy as np

    bits = np.ascontiguousarray(scores, dtype=np.float32).view(np.uint32)
    rounded = (bits + np.uint32(1 << (NOISE_BITS - 1))) & np.uint32(0xFFFFFFFF ^ ((1 << NOISE_BITS) - 1))
    found: NDArray[np.float32] = rounded.view(np.float32)
    return found


def best_first(
    columns: "NDArray[np.int64]", scores: "NDArray[np.float32]", *, at_once: int
) -> Iterator[tuple[int, float]]:
    """Columns with their scores, highest first, the lower column of equals; sorted only as far as it is asked for.

    Args:
        columns: in any order.
        scores: finite, one each.
        at_once: so many are put in order at first, then twice as many, and so on; it changes no answer.
    """
    import numpy as np

    while len(columns):
        if at_once < len(columns):
            bar = np.partition(scores, len(scores) - at_once)[len(scores) - at_once]
            high = scores >= bar
        else:
            high = np.ones(len(columns), dtype=bool)
        order = np.lexsort((columns[high], -scores[high]))
        yield from zip(columns[high][order].tolist(), scores[high][order].tolist(), strict=True)
        columns, scores, at_once = columns[~high], scores[~high], 2 * at_once
