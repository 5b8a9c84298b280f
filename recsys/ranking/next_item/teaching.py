"""What a ranker of next items learns from: sequences cut short, and what then came."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from recsys.candidates.sequences import Sequences

Taught = Literal["latest sequences", "last items"]
"""What is held out of the past to learn from: whole sequences, the latest, every step of them; or each sequence's last
item, where sequences are not in the order of time."""
LATEST: Final = 0.1
"""Share of the sequences that are held out as the latest."""


@dataclass(frozen=True)
class Lessons:
    """Sequences cut short, what came next, and the past that was known before any of it."""

    past: Sequences
    queries: Sequences
    truth: NDArray[np.int64]
    "Per query: the column of the item that came next."


def lessons(sequences: Sequences, taught: Taught, *, at_most: int, rng: np.random.Generator) -> Lessons:
    """Holds out a part of the past, and draws at most ``at_most`` queries of one known item or more from it."""
    if taught == "last items":
        past, held = sequences.without_last(), sequences
        cuts = held.lengths - 1
        numbers = np.flatnonzero(cuts > 0)
        cuts = cuts[numbers]
    else:
        first = round(len(sequences) * (1 - LATEST))
        past, held = sequences.between(0, first), sequences.between(first, len(sequences))
        known = np.bincount(past.columns, minlength=len(past.items)) > 0
        held = held.taken(known[held.columns])
        steps = np.maximum(held.lengths - 1, 0)
        numbers = np.repeat(np.arange(len(held)), steps)
        cuts = np.arange(len(numbers)) - np.repeat(np.cumsum(steps) - steps, steps) + 1
    drawn = np.sort(rng.permutation(len(numbers))[:at_most])
    numbers, cuts = numbers[drawn], cuts[drawn]
    return Lessons(past, held.heads(numbers, cuts), held.columns[held.starts[numbers] + cuts])
