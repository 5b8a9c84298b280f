"""Who did what after what: the items of every user or session, in order, one sequence after the other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys import columns as c
from recsys.candidates.history import History, decay, positions
from recsys.types import ItemId

Within = Literal["user", "session"]
"""What one sequence is: all that a user did, or one session; rows without session_id fall to their user."""


@dataclass(frozen=True)
class Sequences:
    """Sequences of columns of ``items``, one after the other, oldest first in each."""

    items: pl.Series
    "Ids, distinct, sorted."
    columns: NDArray[np.int64]
    starts: NDArray[np.int64]
    "Sequence n is ``columns[starts[n]:starts[n + 1]]``; one longer than the number of sequences."
    moments: NDArray[np.int64]
    "Per event: which moment of its sequence it belongs to. Events of one moment have no order among them."
    weights: NDArray[np.float64]
    "Per event, 1 on average before decay."

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def owner(self) -> NDArray[np.int64]:
        """Per event: the number of its sequence."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    @classmethod
    def of(cls, interactions: pl.DataFrame, *, within: Within, half_life_days: float | None) -> Self:
        """The interactions (schema INTERACTIONS plus ``weight``) in order of time, whatever their order as rows.

        Sequences stand in the order of their newest event.
        """
        unit = decay(interactions, None).mean() if interactions.height else 1.0
        rows = interactions.with_columns(pl.Series(c.WEIGHT, decay(interactions, half_life_days)))
        ordered = _ordered(rows, _OWNERS[within])
        items = interactions[c.ITEM_ID].unique().sort()
        counts = np.bincount(ordered[_NUMBER].to_numpy()) if ordered.height else np.empty(0, np.int64)
        return cls(
            items=items,
            columns=positions(ordered[c.ITEM_ID], items),
            starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            moments=ordered[_MOMENT].to_numpy().astype(np.int64),
            weights=ordered[c.WEIGHT].to_numpy() / (unit or 1.0),
        )

    @staticmethod
    def histories(interactions: pl.DataFrame, *, position_decay: float) -> History:
        """What users are asked with: a row of weights for each, as ``ends`` gives them."""
        by_user = Sequences.of(interactions, within="user", half_life_days=None)
        users = _ordered(interactions, _OWNERS["user"])[c.USER_ID].unique(maintain_order=True)
        return History(users.sort(), by_user.items, by_user.ends(position_decay)[users.arg_sort().to_numpy()])

    @classmethod
    def of_lists(cls, lists: Sequence[Sequence[ItemId]], *, items: pl.Series | None = None) -> Self:
        """Lists of item ids as they stand, oldest first; every event weighs 1.

        ``items``: what the columns are, sorted; ids that are not there are skipped. None: all that come.
        """
        flat = pl.Series(c.ITEM_ID, [item for sequence in lists for item in sequence], dtype=pl.String)
        items = flat.unique().sort() if items is None else items
        columns = positions(flat, items)
        known = np.concatenate([[0], np.cumsum(columns >= 0)])
        starts = known[np.concatenate([[0], np.cumsum([len(sequence) for sequence in lists])]).astype(np.int64)]
        columns = columns[columns >= 0]
        return cls(items, columns, starts, steps_within(starts), np.ones(len(columns)))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Events of each sequence."""
        return np.diff(self.starts)

    def last(self) -> NDArray[np.int64]:
        """The newest column of each sequence; -1 for an empty one."""
        last = np.full(len(self), -1, dtype=np.int64)
        last[self.lengths > 0] = self.columns[self.starts[1:][self.lengths > 0] - 1]
        return last

    def without_last(self) -> Self:
        """The same sequences, each without its newest event."""
        kept = np.ones(len(self.columns), dtype=bool)
        kept[self.starts[1:][self.lengths > 0] - 1] = False
        return self.taken(kept)

    def weighted(self, weights: NDArray[np.float64]) -> Self:
        """The same sequences with other weights."""
        return replace(self, weights=weights)

    def fading(self, half_life: float | None) -> Self:
        """The same sequences, events weighing less with age; sequences stand in the order of time.

        ``half_life``: as a share of all events: one this far before the newest counts half. None: age is nothing.
        """
        if half_life is None or not len(self.columns):
            return self
        after: NDArray[np.float64] = 1 - (np.arange(len(self.columns)) + 1) / len(self.columns)
        return self.weighted(self.weights * 0.5 ** (after / half_life))

    def taken(self, events: NDArray[np.bool_]) -> Self:
        """The same sequences and items, with those events alone."""
        kept = np.concatenate([[0], np.cumsum(events)])
        return type(self)(
            self.items, self.columns[events], kept[self.starts], self.moments[events], self.weights[events]
        )

    def heads(self, sequence: NDArray[np.int64], length: NDArray[np.int64]) -> Self:
        """The first ``length`` events of each of some sequences, as sequences of their own."""
        starts = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
        at = np.repeat(self.starts[sequence], length) + steps_within(starts)
        return type(self)(self.items, self.columns[at], starts, self.moments[at], self.weights[at])

    def picked(self, numbers: NDArray[np.int64]) -> Self:
        """Some of the sequences, in another order; -1 gives an empty one."""
        there = np.where(numbers >= 0, numbers, 0)
        return self.heads(there, np.where(numbers >= 0, self.lengths[there], 0))

    def between(self, first: int, last: int) -> Self:
        """Sequences ``first`` … ``last - 1``; the items stay."""
        numbers = np.arange(first, last)
        return self.heads(numbers, self.lengths[first:last])

    def ends(self, position_decay: float, *, at_most: int | None = 50) -> sp.csr_matrix:
        """One row of weights per sequence: what lies n moments before its end counts ``position_decay`` to the n.

        An item that comes twice counts once, as it came last. Only the last
        ``at_most`` events of a sequence are looked at; None: all.
        Float32, shape (len(self), len(items)).
        """
        last = self.starts[1:][self.owner] - 1 if len(self.columns) else np.empty(0, np.int64)
        back = last - np.arange(len(self.columns))
        near = back < (len(self.columns) if at_most is None else at_most)
        values = position_decay ** (self.moments[last] - self.moments)[near] if near.any() else np.empty(0)
        rows, columns = self.owner[near], self.columns[near]
        order = np.lexsort((-values, columns, rows))
        first = np.diff(rows[order], prepend=-1).astype(bool) | np.diff(columns[order], prepend=-1).astype(bool)
        kept = order[first]
        return sp.csr_matrix(
            (values[kept].astype(np.float32), (rows[kept], columns[kept])), shape=(len(self), len(self.items))
        )


def steps_within(starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, 2 … inside every sequence."""
    return np.arange(starts[-1]) - np.repeat(starts[:-1], np.diff(starts))


def _ordered(interactions: pl.DataFrame, owner: pl.Expr) -> pl.DataFrame:
    """The rows, owner by owner, oldest first, with the number of the owner and of the moment."""
    return (
        interactions.select(c.USER_ID, c.ITEM_ID, c.TIMESTAMP, c.WEIGHT, owner.alias(_OWNER))
        .with_columns(pl.col(c.TIMESTAMP).max().over(_OWNER).alias(_UNTIL))
        .sort(_UNTIL, _OWNER, c.TIMESTAMP, c.ITEM_ID, c.WEIGHT)
        .with_columns(pl.col(_OWNER).rle_id().alias(_NUMBER))
        .with_columns(pl.col(c.TIMESTAMP).rle_id().over(_NUMBER).alias(_MOMENT))
    )


_OWNER, _UNTIL, _NUMBER, _MOMENT = "_owner", "_until", "_number", "_moment"
_OWNERS = {"user": pl.col(c.USER_ID), "session": pl.struct(c.USER_ID, c.SESSION_ID)}
