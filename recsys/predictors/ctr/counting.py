"""Rows and clicks by text and by block of time: what every encoder is fitted on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.serving.predicting.coded import Coded

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Totals:
    """Of some blocks of rows."""

    rows: int
    clicks: float

    @property
    def rate(self) -> float:
        return self.clicks / self.rows if self.rows else 0.0


Number = Callable[[Floats, Floats, Totals], Floats]
"""From rows and clicks of each text, and the totals of the same blocks, to the feature's number."""


@dataclass(frozen=True)
class Counted:
    """One column's rows and clicks. Shape of both: (texts, blocks)."""

    texts: list[str]
    codes: NDArray[np.int64]
    "Of each row: which text."
    rows: Floats
    clicks: Floats

    @classmethod
    def of(cls, column: Coded, labels: NDArray[np.bool_], block: NDArray[np.int64], blocks: int) -> "Counted":
        """Counts each text once, also where several of the column's values are written alike."""
        first: dict[str, int] = {}
        merged = np.array([first.setdefault(text, len(first)) for text in column.values], dtype=np.int64)
        codes = merged[column.codes]
        cell, shape = codes * blocks + block, (len(first), blocks)
        size = shape[0] * shape[1]
        rows = np.bincount(cell, minlength=size).reshape(shape).astype(np.float64)
        clicks = np.bincount(cell, weights=labels, minlength=size).reshape(shape).astype(np.float64)
        return cls(list(first), codes, rows, clicks)

    def table(self, number: Number, *, min_rows: int) -> Mapping[str, float]:
        """The number of every text with enough rows, of all blocks."""
        rows, clicks = self.rows.sum(axis=1), self.clicks.sum(axis=1)
        numbers = number(rows, clicks, Totals(int(rows.sum()), float(clicks.sum())))
        kept = np.flatnonzero(rows >= min_rows)
        return {self.texts[n]: value for n, value in zip(kept.tolist(), numbers[kept].tolist(), strict=True)}

    def out_of_fold(self, number: Number, block: NDArray[np.int64], *, min_rows: int) -> Floats:
        """The number of each row, of other blocks than its own.

        Rows of the last block, which is held back, know all blocks before it; the others know each other. So nothing
        that is learned has seen the last block.
        """
        last = self.rows.shape[1] - 1
        learned_rows, learned_clicks = self.rows[:, :last].sum(axis=1), self.clicks[:, :last].sum(axis=1)
        found = np.empty(len(self.codes))
        for own in range(last + 1):
            rows = learned_rows - (self.rows[:, own] if own < last else 0.0)
            clicks = learned_clicks - (self.clicks[:, own] if own < last else 0.0)
            totals = Totals(int(rows.sum()), float(clicks.sum()))
            otherwise = number(np.zeros(1), np.zeros(1), totals)[0]
            numbers = np.where(rows >= min_rows, number(rows, clicks, totals), otherwise)
            here = block == own
            found[here] = numbers[self.codes[here]]
        return found


def blocks_of(rows: int, blocks: int) -> NDArray[np.int64]:
    """Which block of time each row is in: equally many rows, in their order."""
    return np.arange(rows) * blocks // max(rows, 1)
