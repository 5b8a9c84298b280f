"""What a transformer learns from: every event of a session, and what came after it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from recsys.candidates.sequences import Sequences, steps_within


class Batch(NamedTuple):
    """Rows are sessions, or parts of long ones; all arrays have the shape (rows, events)."""

    before: NDArray[np.int64]
    "Columns, oldest first."
    after: NDArray[np.int64]
    "What came after each."
    counted: NDArray[np.float32]
    "1; 0 where a row is filled up."


@dataclass(frozen=True)
class Lessons:
    """Parts of sessions, those of like length together, so that little has to be filled up."""

    blocks: tuple[Batch, ...]

    @classmethod
    def of(cls, past: Sequences, *, longest: int) -> Self:
        """Every event of ``past`` that something came after, once; a longer session is cut into parts."""
        events = np.maximum(past.lengths - 1, 0)
        parts = -(-events // longest)
        whose = np.repeat(np.arange(len(past)), parts)
        done = steps_within(np.concatenate([[0], np.cumsum(parts)])) * longest
        first, size = past.starts[whose] + done, np.minimum(longest, events[whose] - done)
        widths = sorted({longest, max(1, longest // 4), max(1, longest // 16)})
        narrowest = np.searchsorted(widths, size)
        blocks = []
        for n, width in enumerate(widths):
            at = first[narrowest == n, None] + np.arange(width)
            there = np.arange(width) < size[narrowest == n, None]
            before, after = (np.where(there, past.columns[np.where(there, at + step, 0)], 0) for step in (0, 1))
            blocks.append(Batch(before, after, there.astype(np.float32)))
        return cls(tuple(blocks))

    def __len__(self) -> int:
        """Events that something came after."""
        return int(sum(block.counted.sum() for block in self.blocks))

    def batches(self, events: int, rng: np.random.Generator | None = None) -> Iterator[Batch]:
        """All of it, each row once, in batches of about so many events; without ``rng`` in order.

        Batches of one width have one shape: the last of them is filled up with rows that do not count.
        """
        rows = [max(1, events // block.before.shape[1]) for block in self.blocks]
        orders = [np.arange(len(b.before)) if rng is None else rng.permutation(len(b.before)) for b in self.blocks]
        cuts = [(n, at) for n, order in enumerate(orders) for at in range(0, len(order), rows[n])]
        for n, at in cuts if rng is None else [cuts[place] for place in rng.permutation(len(cuts))]:
            taken = orders[n][at : at + rows[n]]
            missing = ((0, rows[n] - len(taken)), (0, 0))
            yield Batch(*(np.pad(values[taken], missing) for values in self.blocks[n]))
