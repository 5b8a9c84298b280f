"""What somebody without history is shown: the ranker's order, or one plain list, as the data say.

A ranker learns mostly from users with history. Where a list does better on strangers who were held back in training, by
more than a standard error, strangers get the list.
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


def is_stranger() -> pl.Expr:
    """Rows of users without history."""
    return pl.col(c.USER_EVENTS).is_null()


def best_list(rows: pl.DataFrame, scores: NDArray[np.float64], lists: Sequence[str] = LISTS) -> str | None:
    """The column of ``lists`` that orders strangers' rows best; None where the scores do, or nothing is known.

    Args:
        rows: candidates with ``label`` and features, of users whom ``scores`` did not learn from.
        scores: the ranker's, one per row.
        lists: those that are not among the columns of ``rows`` are left out.
    """
    known = [name for name in lists if name in rows.columns]
    if c.USER_EVENTS not in rows.columns or not known:
        return None
    strangers = rows.with_columns(pl.Series(c.SCORE, scores)).filter(is_stranger())
    gains = {name: _ndcg(strangers, name) for name in (c.SCORE, *known)}
    leads = {name: gains[name] - gains[c.SCORE] for name in known}
    ahead = {name: lead.mean() for name, lead in leads.items() if len(lead) > 1 and lead.mean() > _error(lead)}
    return max(ahead, key=lambda name: (ahead[name], name)) if ahead else None


def _error(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def _ndcg(rows: pl.DataFrame, by: str) -> NDArray[np.float64]:
    """What nDCG each user and ``as_of``, has, in their order, with linear gains."""
    group = [c.AS_OF, c.USER_ID]
    discount = 1 / (pl.int_range(1, pl.len() + 1) + 1).log(2)

    def gain(column: str) -> pl.Expr:
        best_first = pl.col(c.LABEL).sort_by(
            pl.col(column), pl.col(c.ITEM_ID), descending=[True, False], nulls_last=True
        )
        return (best_first * discount).head(DEPTH).sum()

    found = rows.group_by(group).agg((gain(by) / gain(c.LABEL)).alias(c.SCORE)).sort(group)
    return found[c.SCORE].to_numpy()
