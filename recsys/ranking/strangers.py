"""What somebody without history is shown: the ranker's order, or that fused with a plain list, as the data say.

A ranker learns mostly from users with history. Where a list improves its order of strangers who were held back in
training, strangers get both, fused by their ranks: 1 / (60 + rank) added up.

Source: Cormack, Clarke and Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning
methods", SIGIR 2009.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys import columns as c

LISTS: Final = (c.ITEM_FIRST_CHOICES, c.source_score("popularity"))
"""Columns of which each orders items without looking at the user."""
DEPTH: Final = 10
FLATNESS: Final = 60


def is_stranger() -> pl.Expr:
    """Rows of users without history."""
    return pl.col(c.USER_EVENTS).is_null()


def fused(rows: pl.DataFrame, scores: NDArray[np.float64], by: str) -> NDArray[np.float64]:
    """``scores`` with those of strangers replaced: higher where their scores and column ``by`` rank a row higher.

    ``rows`` has all rows of each user, and of one ``as_of`` where it has several.
    """
    user = [name for name in (c.AS_OF, c.USER_ID) if name in rows.columns]

    def share(column: str) -> pl.Expr:
        return 1 / (FLATNESS + pl.col(column).fill_null(0.0).rank("average", descending=True).over(user))

    both = rows.with_columns(pl.Series(c.SCORE, scores, dtype=pl.Float64))
    chosen = both.select(pl.when(is_stranger()).then(share(c.SCORE) + share(by)).otherwise(pl.col(c.SCORE)))
    return chosen.to_series().to_numpy()


def best_list(rows: pl.DataFrame, scores: NDArray[np.float64], lists: Sequence[str] = LISTS) -> str | None:
    """The column of ``lists`` that improves strangers' rows most; None where none does, or nothing is known of them.

    Args:
        rows: candidates with ``label`` and features, of users whom ``scores`` did not learn from.
        scores: the ranker's, one per row.
        lists: those that are not among the columns of ``rows`` are left out.
    """
    if c.USER_EVENTS not in rows.columns or rows.filter(is_stranger()).is_empty():
        return None
    gains = {name: _ndcg(rows, fused(rows, scores, name)) for name in lists if name in rows.columns}
    best = max(gains, key=lambda name: (gains[name], name), default=None)
    return best if best is not None and gains[best] > _ndcg(rows, scores) else None


def _ndcg(rows: pl.DataFrame, scores: NDArray[np.float64]) -> float:
    """Mean nDCG over strangers, one for each ``as_of``; gains are linear."""
    discount = 1 / (pl.int_range(1, pl.len() + 1) + 1).log(2)

    def gain(column: str) -> pl.Expr:
        best_first = pl.col(c.LABEL).sort_by(column, c.ITEM_ID, descending=[True, False])
        return (best_first * discount).head(DEPTH).sum()

    strangers = rows.with_columns(pl.Series(c.SCORE, scores)).filter(is_stranger())
    found = strangers.group_by(c.AS_OF, c.USER_ID).agg((gain(c.SCORE) / gain(c.LABEL)).alias(c.SCORE))
    return round(float(np.mean(found.sort(c.AS_OF, c.USER_ID)[c.SCORE].to_numpy())), 9)
