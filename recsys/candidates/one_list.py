"""Generators that say the same to everybody, strangers too: one list, without what must not be seen."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys import columns as c
from recsys.candidates.best import as_candidates
from recsys.candidates.generator import CANDIDATES, SESSION_CANDIDATES, SIMILAR, Asked, State
from recsys.candidates.history import positions
from recsys.errors import NotFittedError
from recsys.types import ItemId, UserId

RANKING = "ranking"


class ListGenerator(ABC):
    """A generator whose subclass ranks the catalogue."""

    name: str
    answers: frozenset[Asked] = frozenset({"user", "session"})

    def __init__(self) -> None:
        self._ranking: pl.DataFrame | None = None

    @abstractmethod
    def _rank(self, interactions: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
        """Available items, best first: item_id, score."""

    def fit(self, interactions: pl.DataFrame, *, items: pl.DataFrame, rng: np.random.Generator) -> Self:
        """Learns one list. ``rng`` is not used."""
        self._ranking = self._rank(interactions, items)
        return self

    def generate(self, users: Sequence[UserId], *, k: int, exclude: pl.DataFrame) -> pl.DataFrame:
        """``k`` rows for every user while the list has enough."""
        asked = pl.Series(c.USER_ID, users, dtype=pl.String).unique(maintain_order=True)
        return pl.concat([CANDIDATES.to_frame(), self._answer(asked, k, exclude)])

    def continue_sessions(self, sessions: pl.DataFrame, *, k: int, exclude: pl.DataFrame) -> pl.DataFrame:
        """``k`` rows for every session while the list has enough."""
        asked = sessions[c.SESSION_ID].unique().sort()
        return pl.concat([SESSION_CANDIDATES.to_frame(), self._answer(asked, k, exclude)])

    def similar_to(self, items: Sequence[ItemId], *, k: int) -> pl.DataFrame:
        """Nothing: a list knows no likeness."""
        self._fitted()
        return SIMILAR.to_frame()

    def state(self) -> State:
        return {RANKING: self._fitted()}

    def restore(self, state: State) -> Self:
        self._ranking = state[RANKING]
        return self

    def _answer(self, asked: pl.Series, k: int, exclude: pl.DataFrame) -> pl.DataFrame:
        ranking = self._fitted()
        size = ranking.height
        row, place = positions(exclude[asked.name], asked), positions(exclude[c.ITEM_ID], ranking[c.ITEM_ID])
        barred = np.unique((row * size + place)[(row >= 0) & (place >= 0)])
        ends = np.searchsorted(barred, np.arange(len(asked) + 1) * size)
        chosen = [_first_free(size, k, barred[start:stop] - n * size) for n, (start, stop) in enumerate(pairwise(ends))]
        columns = np.concatenate([np.empty(0, np.int64), *chosen])
        return as_candidates(
            asked=asked.gather(np.repeat(np.arange(len(chosen)), [len(free) for free in chosen])),
            items=ranking[c.ITEM_ID].gather(columns),
            scores=ranking[c.SCORE].to_numpy()[columns],
            source=self.name,
        )

    def _fitted(self) -> pl.DataFrame:
        if self._ranking is None:
            raise NotFittedError(f"{self.name} was asked before fit; call fit(interactions, items=…, rng=…) first")
        return self._ranking


def _first_free(size: int, k: int, barred: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first ``k`` positions of 0 … size - 1 that are not barred; ``barred`` is sorted and distinct."""
    free = np.ones(min(size, k + len(barred)), dtype=np.bool_)
    free[barred[: np.searchsorted(barred, len(free))]] = False
    return np.flatnonzero(free)[:k]
