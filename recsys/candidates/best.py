"""The k best items of many users: in blocks, with one rule for ties."""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys import columns as c
from recsys.candidates.generator import CANDIDATES
from recsys.candidates.history import History
from recsys.types import UserId

BLOCK_CELLS = 8_000_000
"Scores held at a time: 32 MB."

Scores = NDArray[np.float32]
"float32 on purpose: what differs further down is rounding noise of the machine, and must not break ties."
ScoreBlock = Callable[[NDArray[np.int64]], Scores]
"Rows of the history → their scores for every item, shape (rows, items); -inf: never."


def best_columns(scores: Scores, k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the ``k`` highest finite scores of each row, best first; the lower column wins a tie."""
    k = min(k, scores.shape[1])
    if k == 0 or not len(scores):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    bar = np.partition(scores, scores.shape[1] - k, axis=1)[:, scores.shape[1] - k, None]
    above = scores > bar
    level = (scores == bar) & np.isfinite(scores)
    level &= np.cumsum(level, axis=1) <= k - above.sum(axis=1, keepdims=True)
    rows, columns = np.nonzero(above | level)
    order = np.lexsort((columns, -scores[rows, columns], rows))
    return rows[order], columns[order]


def generate_best(
    history: History,
    score_block: ScoreBlock,
    *,
    users: Sequence[UserId],
    k: int,
    exclude: pl.DataFrame,
    available: NDArray[np.bool_],
    source: str,
) -> pl.DataFrame:
    """The ``k`` best available items of each user with history, schema CANDIDATES; others have no rows.

    Each user is scored on its own row, so one user alone gets what it gets among thousands.
    """
    asked = pl.DataFrame({c.USER_ID: users}, schema={c.USER_ID: pl.String}).unique(maintain_order=True)
    names = asked[c.USER_ID].to_list()
    rows = history.rows_of(names)
    warm = np.flatnonzero(rows >= 0)
    forbidden = _forbidden(history, exclude)
    size = max(1, BLOCK_CELLS // max(1, len(history.items)))
    frames = [CANDIDATES.to_frame()]
    for start in range(0, len(warm), size):
        block = warm[start : start + size]
        scores = score_block(rows[block])
        scores[:, ~available] = -np.inf
        _forbid(scores, rows[block], forbidden)
        at, columns = best_columns(scores, k)
        frames.append(
            as_candidates(
                users=asked[c.USER_ID].gather(block[at]),
                items=history.items.gather(columns),
                scores=scores[at, columns],
                source=source,
            )
        )
    return pl.concat(frames)


def as_candidates(*, users: pl.Series, items: pl.Series, scores: Scores, source: str) -> pl.DataFrame:
    """Rows already in order, best first within each user, as CANDIDATES."""
    frame = pl.DataFrame({c.USER_ID: users, c.ITEM_ID: items, c.SCORE: scores}).with_columns(
        pl.lit(source).alias(c.SOURCE), pl.int_range(1, pl.len() + 1).over(c.USER_ID).alias(c.RANK)
    )
    return frame.select(pl.col(name).cast(kind) for name, kind in CANDIDATES.items())


def _forbidden(history: History, exclude: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the excluded pairs that the history knows, sorted by row."""
    rows = history.rows_of(exclude[c.USER_ID].to_list())
    columns = history.columns_of(exclude[c.ITEM_ID])
    known = np.flatnonzero((rows >= 0) & (columns >= 0))
    order = known[np.argsort(rows[known], kind="stable")]
    return rows[order], columns[order]


def _forbid(scores: Scores, block: NDArray[np.int64], forbidden: tuple[NDArray[np.int64], NDArray[np.int64]]) -> None:
    rows, columns = forbidden
    start, stop = np.searchsorted(rows, block, "left"), np.searchsorted(rows, block, "right")
    counts = stop - start
    at = np.repeat(np.arange(len(block)), counts)
    inside = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    scores[at, columns[np.repeat(start, counts) + inside]] = -np.inf
