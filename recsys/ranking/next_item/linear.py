"""What comes next as a linear function of what was, in closed form.

What two items share through a third is not counted twice.

Source: SLIT in Choi, Kim, Lee and Lee, "Session-aware linear item-item models for session-based recommendation", WWW
2021.
"""

from typing import Final

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from recsys.candidates.heaviest import heaviest
from recsys.candidates.sequences import Sequences
from recsys.types import Frozen

SMALLEST: Final = 1e-4
"""Effects below it are left out."""


class LinearParams(Frozen):
    """How the past is read, and the size up to which the closed form is affordable."""

    position_decay: float = 0.6
    "What an item counts of the one after it; so are queries to be asked."
    window: int = 5
    "Items of the past that are read."
    ahead: int = 3
    "Items of the future that are explained."
    ahead_decay: float = 0.3
    "What an item of the future counts of the one before it."
    reg: float = 30.0
    "L2 regularization."
    max_items: int = 4000
    "Only the items of most events are modelled: memory grows with the square, time with the cube."
    neighbours: int = 300


def linear_followers(past: Sequences, params: LinearParams) -> sp.csr_matrix:
    """Items × items, float32; row: item known, column: item expected; the highest positive effects of a row."""
    width = len(past.items)
    events = np.bincount(past.columns, minlength=width)
    kept = np.sort(np.argsort(-events, kind="stable")[: params.max_items])
    back = [(step, params.position_decay**step) for step in range(params.window)]
    ahead = [(-step, params.ahead_decay ** (step - 1)) for step in range(1, params.ahead + 1)]
    known = _around(past, back)[:, kept]
    expected = _around(past, ahead)[:, kept]
    gram = (known.T @ known).toarray().astype(np.float32)
    gram[np.diag_indices(len(gram))] += params.reg
    factor = cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
    effects = cho_solve(factor, (known.T @ expected).toarray().astype(np.float32), overwrite_b=True, check_finite=False)
    effects[effects < SMALLEST] = 0.0
    found = heaviest(sp.csr_matrix(effects), params.neighbours).tocoo()
    return sp.csr_matrix((found.data, (kept[found.row], kept[found.col])), shape=(width, width))


def _around(past: Sequences, steps: list[tuple[int, float]]) -> sp.csr_matrix:
    """Events × items: for each event the items so many ``steps`` before it (negative: after it), with their weights."""
    owner, events = past.owner, np.arange(len(past.columns))
    rows: list[NDArray[np.int64]] = []
    for step, _ in steps:
        there = (events - step >= 0) & (events - step < len(events))
        rows.append(events[there][owner[events[there]] == owner[events[there] - step]])
    values = [np.full(len(at), weight) for at, (_, weight) in zip(rows, steps, strict=True)]
    columns = [past.columns[at - step] for at, (step, _) in zip(rows, steps, strict=True)]
    return sp.csr_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(len(events), len(past.items)),
    )
