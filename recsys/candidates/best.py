"""The k best items of many users, sessions or items: in blocks, with one rule for ties."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys import columns as c
from recsys.candidates.generator import CANDIDATES, SESSION_CANDIDATES
from recsys.candidates.history import positions
from recsys.cores import cores
from recsys.serving.continuing.best import settled

BLOCK_CELLS = 4_000_000
"Scores that a thread holds at a time: 16 MB, and a few times that while the best are chosen."

Scores = NDArray[np.float32]
"float32 on purpose: what differs further down is rounding noise of the machine, and must not break ties."
ScoreBlock = Callable[[NDArray[np.int64]], Scores]
"Rows of a matrix → their scores for every item, shape (rows, items); -inf: never."


def best_columns(scores: Scores, k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the ``k`` highest finite scores of each row, best first; the lower column wins a tie."""
    k = min(k, scores.shape[1])
    if k == 0 or not len(scores):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    width = scores.shape[1]
    bits = (scores + np.float32(0.0)).view(np.int32)  # -0.0 becomes 0.0
    keys = np.where(bits < 0, bits ^ np.int32(2**31 - 1), bits).astype(np.int64)  # in the order of the scores
    keys <<= 32
    keys |= np.arange(width - 1, -1, -1)
    keys.partition(width - k, axis=1)
    best = np.sort(keys[:, width - k :], axis=1)[:, ::-1]
    columns = width - 1 - (best & (2**32 - 1))
    rows, places = np.nonzero(np.isfinite(np.take_along_axis(scores, columns, axis=1)))
    return rows, columns[rows, places]


def best_items(
    score_block: ScoreBlock,
    *,
    asked: pl.Series,
    rows: NDArray[np.int64],
    items: pl.Series,
    available: NDArray[np.bool_],
    k: int,
    exclude: pl.DataFrame,
    source: str,
    threads: int = 0,
) -> pl.DataFrame:
    """The ``k`` best available items of each of ``asked``, in their order.

    Each is scored on its own row, so one alone gets what it gets among thousands.

    Args:
        score_block: scores of some rows.
        asked: distinct ids, named user_id or session_id.
        rows: the row of each; -1: there is nothing to say.
        items: what the columns of the scores are, sorted.
        available: per column; False: never.
        k: items for each.
        exclude: pairs of the name of ``asked`` and item_id that must not come back.
        source: who says so.
        threads: blocks scored side by side; 0: as many as there are ``cores``.

    Returns:
        CANDIDATES, or SESSION_CANDIDATES.
    """
    known = np.flatnonzero(rows >= 0)
    forbidden = _forbidden(exclude, asked, items)
    size = max(1, BLOCK_CELLS // max(1, len(items)))

    def best(start: int) -> pl.DataFrame:
        block = known[start : start + size]
        scores = settled(score_block(rows[block]))
        scores[:, ~available] = -np.inf
        _forbid(scores, block, forbidden)
        at, columns = best_columns(scores, k)
        return as_candidates(
            asked=asked.gather(block[at]), items=items.gather(columns), scores=scores[at, columns], source=source
        )

    schema = CANDIDATES if asked.name == c.USER_ID else SESSION_CANDIDATES
    with ThreadPoolExecutor(threads or cores()) as pool:
        return pl.concat([schema.to_frame(), *pool.map(best, range(0, len(known), size))])


def as_candidates(*, asked: pl.Series, items: pl.Series, scores: Scores, source: str) -> pl.DataFrame:
    """Rows already in order, best first within each of ``asked``, as CANDIDATES or SESSION_CANDIDATES."""
    frame = pl.DataFrame({asked.name: asked, c.ITEM_ID: items, c.SCORE: scores}).with_columns(
        pl.lit(source).alias(c.SOURCE), pl.int_range(1, pl.len() + 1).over(asked.name).alias(c.RANK)
    )
    schema = CANDIDATES if asked.name == c.USER_ID else SESSION_CANDIDATES
    return frame.select(pl.col(name).cast(kind) for name, kind in schema.items())


def _forbidden(
    exclude: pl.DataFrame, asked: pl.Series, items: pl.Series
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions among ``asked`` and columns of the excluded pairs, sorted by the former."""
    rows, columns = positions(exclude[asked.name], asked), positions(exclude[c.ITEM_ID], items)
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
