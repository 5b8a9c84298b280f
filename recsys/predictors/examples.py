"""What a predictor learns from and is judged on: numbers, and what became of each row."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Examples:
    """One row per example, in the order of time."""

    table: NDArray[np.float32]
    "Shape (rows, features); NaN is unknown."
    labels: NDArray[np.bool_]
    "Whether it came to a success."

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: slice | NDArray[np.bool_] | NDArray[np.int64]) -> "Examples":
        return Examples(self.table[rows], self.labels[rows])

    def __add__(self, other: "Examples") -> "Examples":
        return Examples(np.concatenate([self.table, other.table]), np.concatenate([self.labels, other.labels]))
