"""Who did how much with what: the sparse matrix that the personal generators learn from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys import columns as c
from recsys.errors import DataError
from recsys.types import UserId

DAY_IN_MICROSECONDS = 86_400e6


def decay(interactions: pl.DataFrame, half_life_days: float | None) -> NDArray[np.float64]:
    """Weight of each row, halved for every ``half_life_days`` that it lies before the newest row; None: not decayed.

    Raises:
        DataError: a weight is null, not a finite number, or negative.
    """
    weights = interactions[c.WEIGHT].cast(pl.Float64).to_numpy()
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        raise DataError(
            f"found a weight of {weights[bad][0]} ({bad.sum()} such rows of {len(weights)}), expected finite numbers "
            "from 0 on; leave such rows out, or mend what computes the weight"
        )
    if half_life_days is None or interactions.is_empty():
        return weights
    moments = interactions[c.TIMESTAMP].dt.epoch("us").to_numpy()
    decayed: NDArray[np.float64] = weights * 0.5 ** ((moments.max() - moments) / DAY_IN_MICROSECONDS / half_life_days)
    return decayed


@dataclass(frozen=True)
class History:
    """A users × items matrix of weights; rows and columns are the ids in sorted order.

    The same interactions in any order give the same matrix, bit by bit.
    """

    users: pl.Series
    items: pl.Series
    matrix: sp.csr_matrix
    "float32, shape (len(users), len(items)); indices sorted."

    @classmethod
    def of(
        cls,
        interactions: pl.DataFrame,
        *,
        half_life_days: float | None,
        repeats: Literal["sum", "best"] = "sum",
        items: pl.Series | None = None,
    ) -> Self:
        """Builds the matrix, in units of the mean weight of an event: only the ratios of a site's weights matter.

        Args:
            interactions: schema INTERACTIONS plus ``weight``.
            half_life_days: see ``decay``.
            repeats: several events of one user with one item are added up, or only the heaviest after decay counts.
            items: the columns, where they are more than the items with an event; sorted.
        """
        users = interactions[c.USER_ID].unique().sort()
        items = interactions[c.ITEM_ID].unique().sort() if items is None else items
        rows = positions(interactions[c.USER_ID], users)
        columns = positions(interactions[c.ITEM_ID], items)
        unit = decay(interactions, None).mean() if interactions.height else 0.0
        weights = decay(interactions, half_life_days) / (unit or 1.0)
        order = np.lexsort((weights, columns, rows))
        rows, columns, weights = rows[order], columns[order], weights[order]
        first = np.flatnonzero(np.diff(rows, prepend=-1) | np.diff(columns, prepend=-1))
        reduce = np.add if repeats == "sum" else np.maximum
        values = reduce.reduceat(weights, first) if len(first) else weights
        matrix = sp.csr_matrix(
            (values.astype(np.float32), (rows[first], columns[first])), shape=(len(users), len(items))
        )
        return cls(users, items, matrix)

    def heaviest(self, count: int) -> Self:
        """The same with at most the ``count`` heaviest items of each user, the lower column on ties.

        What is learned from pairs of items costs the square of a user's items; a robot's thousands say little.
        """
        sizes = np.diff(self.matrix.indptr)
        if not (sizes > count).any():
            return self
        kept = self.matrix.copy()
        for row in np.flatnonzero(sizes > count):
            start, stop = kept.indptr[row], kept.indptr[row + 1]
            kept.data[start:stop][np.argsort(-kept.data[start:stop], kind="stable")[count:]] = 0.0
        kept.eliminate_zeros()
        return replace(self, matrix=kept)

    def rows_of(self, users: Sequence[UserId]) -> NDArray[np.int64]:
        """Row of each user; -1 for a user without history."""
        return positions(pl.Series(users, dtype=pl.String), self.users)

    def columns_of(self, items: pl.Series) -> NDArray[np.int64]:
        """Column of each item; -1 for an item without history."""
        return positions(items, self.items)

    def available(self, items: pl.DataFrame) -> NDArray[np.bool_]:
        """Per column: False where the catalogue says that the item is not available."""
        gone = items.filter(~pl.col(c.AVAILABLE))[c.ITEM_ID]
        return ~self.items.is_in(gone.implode()).to_numpy()


def positions(ids: pl.Series, among: pl.Series) -> NDArray[np.int64]:
    """Where each id stands in ``among``; -1 where it does not."""
    ordered = among.to_frame(c.ITEM_ID).with_row_index(c.RANK)
    found = ids.to_frame(c.ITEM_ID).join(ordered, on=c.ITEM_ID, how="left", maintain_order="left")[c.RANK]
    return found.cast(pl.Int64).fill_null(-1).to_numpy()
