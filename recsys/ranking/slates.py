"""The final list of each user: scored candidates, best first."""

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys import columns as c

SLATES: Final = pl.Schema(
    {
        c.USER_ID: pl.String(),
        c.ITEM_ID: pl.String(),
        c.SOURCE: pl.String(),
        c.SCORE: pl.Float64(),
        c.RANK: pl.Int32(),
        c.BECAUSE: pl.List(pl.String()),
    }
)
"""One row per user and position; rank dense from 1, score never rises with rank, no item twice per user."""


def rank_rows(rows: pl.DataFrame, scores: NDArray[np.float64], *, sources: list[str], size: int) -> pl.DataFrame:
    """The ``size`` best rows of each user, schema SLATES with empty ``because``.

    Args:
        rows: one row per pair with the ranks of every source (``one_row_per_pair``).
        scores: one per row; ties are broken by the better source rank, then by item_id.
        sources: names of the generators; a row's ``source`` is the one that ranked it best, the earlier name on ties.
        size: positions per user.
    """
    ranks = [pl.col(c.source_rank(source)).fill_null(_NOT_PROPOSED) for source in sources]
    best = pl.min_horizontal(ranks)
    source = pl.coalesce([pl.when(rank == best).then(pl.lit(name)) for name, rank in zip(sources, ranks, strict=True)])
    return (
        rows.select(c.USER_ID, c.ITEM_ID, source.alias(c.SOURCE), best.alias(_BEST))
        .with_columns(pl.Series(c.SCORE, scores, dtype=pl.Float64))
        .sort(c.USER_ID, c.SCORE, _BEST, c.ITEM_ID, descending=[False, True, False, False])
        .with_columns((pl.int_range(pl.len()).over(c.USER_ID) + 1).cast(pl.Int32).alias(c.RANK))
        .filter(pl.col(c.RANK) <= size)
        .with_columns(pl.lit([], dtype=pl.List(pl.String)).alias(c.BECAUSE))
        .select(SLATES.names())
    )


_BEST = "_best"
_NOT_PROPOSED = 2**30
