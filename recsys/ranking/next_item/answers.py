"""From columns to rows: everybody is answered, what is missing is filled with what is popular."""

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.candidates.sequences import Sequences
from recsys.ranking.next_item.chosen import Columns


def popular_columns(sequences: Sequences, *, k: int) -> Columns:
    """The ``k`` columns with most events, best first; of equals the lower."""
    events = np.bincount(sequences.columns, minlength=len(sequences.items))
    best: Columns = np.argsort(-events, kind="stable")[:k]
    return best


def filled(chosen: Columns, popular: Columns, own: Sequences | None) -> Columns:
    """``chosen`` with the popular where it is short, as wide as it is; -1 where nothing is left.

    ``own``: per row, columns that must not come; None: all may.
    """
    answers = chosen.copy()
    for row in np.flatnonzero((chosen < 0).any(axis=1)):
        held = chosen[row][chosen[row] >= 0]
        barred = held if own is None else np.concatenate([held, own.columns[own.starts[row] : own.starts[row + 1]]])
        whole = np.concatenate([held, popular[~np.isin(popular, barred)]])[: chosen.shape[1]]
        answers[row] = -1
        answers[row, : len(whole)] = whole
    return answers


def as_rows(chosen: Columns, asked: pl.Series, items: pl.Series) -> pl.DataFrame:
    """The name of ``asked`` with its values, item_id, rank (Int32, 1 best); one row per answer."""
    rows, places = np.nonzero(chosen >= 0)
    return pl.DataFrame(
        {asked.name: asked.gather(rows), c.ITEM_ID: items.gather(chosen[rows, places]), c.RANK: places + 1}
    ).with_columns(pl.col(c.RANK).cast(pl.Int32))
