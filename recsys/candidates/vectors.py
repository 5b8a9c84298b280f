"""Users and items as vectors: what the generators that learn such ones know of any pair, proposed or not."""

from dataclasses import dataclass
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys import columns as c
from recsys.candidates.factors import PRECISION
from recsys.candidates.history import positions

PAIRS_AT_ONCE: Final = 100_000


@dataclass(frozen=True)
class Vectors:
    """A vector per user and per item, of one space."""

    users: pl.Series
    "Ids, sorted: the rows of ``of_users``."
    of_users: NDArray[Any]
    items: pl.Series
    of_items: NDArray[Any]

    def affinities(self, pairs: pl.DataFrame) -> NDArray[np.float32]:
        """The inner product of each pair's vectors, in the rows' order; NaN where user or item has none."""
        users, items = positions(pairs[c.USER_ID], self.users), positions(pairs[c.ITEM_ID], self.items)
        found = np.full(pairs.height, np.nan, dtype=np.float32)
        known = np.flatnonzero((users >= 0) & (items >= 0))
        for start in range(0, len(known), PAIRS_AT_ONCE):
            at = known[start : start + PAIRS_AT_ONCE]
            products = np.einsum("pd,pd->p", self.of_users[users[at]], self.of_items[items[at]])
            found[at] = np.round(products, PRECISION)
        return found


@runtime_checkable
class Embedded(Protocol):
    """A generator that knows its users and items as vectors."""

    def vectors(self) -> Vectors:
        """Those it learned.

        Raises:
            NotFittedError: before ``fit``.
        """
        ...
