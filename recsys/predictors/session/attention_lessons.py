"""What a transformer learns from: every event of a session, and what came after it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from recsys.candidates.sequences import Sequences, steps_within


class Batch(NamedTuple):
    """Rows of sessions, one after the other; all arrays have the shape (rows, events)."""

    before: NDArray[np.int32]
    "Columns, oldest first."
    after: NDArray[np.int32]
    "What came after each."
    whose: NDArray[np.int32]
    "The number of each event's session; -1 where a row is filled up."


@dataclass(frozen=True)
class Lessons:
    """Events that something came after, in full rows: a session lies in one, or in parts where it is longer."""

    whole: Batch

    @classmethod
    def of(cls, past: Sequences, *, longest: int) -> Self:
        """Every event of ``past`` that something came after, once, in rows of ``longest`` events."""
        events = np.maximum(past.lengths - 1, 0)
        parts = -(-events // longest)
        whose = np.repeat(np.arange(len(past)), parts)
        done = steps_within(np.concatenate([[0], np.cumsum(parts)])) * longest
        sizes = np.minimum(longest, events[whose] - done)
        starts, end = _laid_out(sizes, longest)
        within = steps_within(np.concatenate([[0], np.cumsum(sizes)]))
        at, place = np.repeat(past.starts[whose] + done, sizes) + within, np.repeat(starts, sizes) + within
        flat = Batch(*(np.full(-(-end // longest) * longest, empty, np.int32) for empty in (0, 0, -1)))
        flat.before[place], flat.after[place] = past.columns[at], past.columns[at + 1]
        flat.whose[place] = np.repeat(np.arange(len(sizes)), sizes)
        return cls(Batch(*(values.reshape(-1, longest) for values in flat)))

    def __len__(self) -> int:
        """Events that something came after."""
        return int((self.whole.whose >= 0).sum())

    def batches(self, events: int, rng: np.random.Generator | None = None) -> Iterator[Batch]:
        """Every row once, in batches of one shape and of about so many events: in order, or shuffled by ``rng``."""
        height, longest = self.whole.before.shape
        rows = max(1, events // longest)
        order = np.arange(height) if rng is None else rng.permutation(height)
        for row in range(0, height, rows):
            taken = order[row : row + rows]
            missing = ((0, rows - len(taken)), (0, 0))
            yield Batch(
                *(
                    np.pad(values[taken], missing, constant_values=empty)
                    for values, empty in zip(self.whole, (0, 0, -1), strict=True)
                )
            )


def _laid_out(sizes: NDArray[np.int64], longest: int) -> tuple[NDArray[np.int64], int]:
    """Where each part begins, one after the other and none across the end of a row; and where the last ends."""
    starts, end = np.zeros(len(sizes), dtype=np.int64), 0
    for n, size in enumerate(sizes.tolist()):
        left = -end % longest
        starts[n] = end if size <= left else end + left
        end = int(starts[n]) + size
    return starts, end
