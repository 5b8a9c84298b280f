"""Rows as a predictor sees them, with what it says of them and what became of them: what drift compares."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SeenRows:
    """At least one row; nothing was learned from any."""

    names: tuple[str, ...]
    "Of the table's columns."
    table: NDArray[np.float32]
    "Shape (rows, features); NaN is unknown."
    said: NDArray[np.float64]
    "The probability of each row."
    labels: NDArray[np.bool_]
    users: NDArray[np.int64]
    "The number of each row's user: rows of one are not independent."
    days: NDArray[np.int64]
    "The number of each row's UTC day."
