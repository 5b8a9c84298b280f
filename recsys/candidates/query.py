"""Generators that turn what somebody did, as a row of weights, into scores of every item.

One way of scoring answers for all: a user's row is the history, decayed with age; a session's row decays with every
step back from its end; an item's row is that item alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Generic, Self, TypeVar

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat

from recsys import columns as c
from recsys.candidates.best import ScoreBlock, Scores, best_columns, best_items
from recsys.candidates.generator import EVERYTHING, SESSION_CANDIDATES, SIMILAR, Asked, State
from recsys.candidates.history import History, positions
from recsys.errors import NotFittedError
from recsys.serving.continuing.best import settled
from recsys.types import Frozen, ItemId, UserId

SIMILAR_BLOCK = 512
USERS, ITEMS, HISTORY, AVAILABLE = "users", "items", "history", "available"
"Names of what every such generator keeps."


class AskedParams(Frozen):
    """What may be used for answers."""

    threads: Annotated[int, Field(ge=0)] = 0
    "Cores used; 0: all that the process may run on. The answers are the same."


class SessionParams(AskedParams):
    """How sessions are read."""

    position_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 0.8
    "An item of a session counts this much of the one after it; 1: all alike."


class QueryParams(SessionParams):
    """The same for users."""

    query_half_life_days: PositiveFloat | None = 90.0
    "For the user's own history when asked: an event this much older than the newest counts half; null: age is nothing."


P = TypeVar("P", bound=AskedParams)


class QueryGenerator(ABC, Generic[P]):
    """A generator whose subclass says how weights of known items become scores."""

    name: str
    answers: frozenset[Asked] = EVERYTHING
    learned: tuple[str, ...] = ()
    "Attributes that ``_learn`` sets: arrays and sparse matrices."

    def __init__(self, params: P) -> None:
        self.params = params
        self._history: History | None = None

    @abstractmethod
    def _learn(self, interactions: pl.DataFrame, items: pl.DataFrame, rng: np.random.Generator) -> History:
        """Learns, and returns the rows that users are asked with; its columns are those of all scores."""

    @abstractmethod
    def _scores(self, queries: sp.csr_matrix) -> Scores:
        """Scores of every item, shape (rows of ``queries``, items); -inf: no evidence. Each row by itself."""

    def _user_scores(self, rows: NDArray[np.int64]) -> Scores:
        """Scores for rows of the history."""
        return self._scores(self._fitted().matrix[rows])

    def _item_scores(self, columns: NDArray[np.int64]) -> Scores:
        """Scores for single items."""
        width = len(self._fitted().items)
        alone = (np.ones(len(columns), np.float32), columns, np.arange(len(columns) + 1))
        return self._scores(sp.csr_matrix(alone, shape=(len(columns), width)))

    def fit(self, interactions: pl.DataFrame, *, items: pl.DataFrame, rng: np.random.Generator) -> Self:
        history = self._learn(interactions, items, rng)
        self._available = history.available(items)
        self._history = history
        return self

    def state(self) -> State:
        history = self._fitted()
        of_all = {USERS: history.users, ITEMS: history.items, HISTORY: history.matrix, AVAILABLE: self._available}
        return {**of_all, **self._learned()}

    def restore(self, state: State) -> Self:
        self._relearn(state)
        self._available = state[AVAILABLE]
        self._history = History(state[USERS], state[ITEMS], state[HISTORY])
        return self

    def _learned(self) -> State:
        """What ``_learn`` found beside the history."""
        return {name: vars(self)[name] for name in self.learned}

    def _relearn(self, state: State) -> None:
        """Takes over what ``_learned`` gave."""
        for name in self.learned:
            setattr(self, name, state[name])

    def generate(self, users: Sequence[UserId], *, k: int, exclude: pl.DataFrame) -> pl.DataFrame:
        history = self._fitted()
        asked = pl.Series(c.USER_ID, users, dtype=pl.String).unique(maintain_order=True)
        rows = positions(asked, history.users)
        return self._best(self._user_scores, asked, rows, k, exclude)

    def continue_sessions(self, sessions: pl.DataFrame, *, k: int, exclude: pl.DataFrame) -> pl.DataFrame:
        history = self._fitted()
        if not isinstance(self.params, SessionParams):
            return SESSION_CANDIDATES.to_frame()
        asked, queries = session_rows(sessions, history.items, position_decay=self.params.position_decay)
        rows = np.where(np.diff(queries.indptr) > 0, np.arange(len(asked)), -1)
        return self._best(lambda block: self._scores(queries[block]), asked, rows, k, exclude)

    def similar_to(self, items: Sequence[ItemId], *, k: int) -> pl.DataFrame:
        history = self._fitted()
        asked = history.columns_of(pl.Series(items, dtype=pl.String).unique(maintain_order=True))
        asked = asked[asked >= 0]
        frames = [SIMILAR.to_frame()]
        for start in range(0, len(asked), SIMILAR_BLOCK):
            block = asked[start : start + SIMILAR_BLOCK]
            scores = settled(self._item_scores(block))
            scores[:, ~self._available] = -np.inf
            scores[np.arange(len(block)), block] = -np.inf
            at, columns = best_columns(scores, k)
            near = {c.ITEM_ID: history.items.gather(block[at]), c.SIMILAR_ITEM_ID: history.items.gather(columns)}
            nth = np.arange(len(at)) - np.searchsorted(at, at) + 1
            frames.append(pl.DataFrame({**near, c.SCORE: scores[at, columns], c.RANK: nth}).cast(SIMILAR))
        return pl.concat(frames)

    def _best(
        self,
        score: ScoreBlock,
        asked: pl.Series,
        rows: NDArray[np.int64],
        k: int,
        exclude: pl.DataFrame,
    ) -> pl.DataFrame:
        return best_items(
            score,
            asked=asked,
            rows=rows,
            items=self._fitted().items,
            available=self._available,
            k=k,
            exclude=exclude,
            source=self.name,
            threads=self.params.threads,
        )

    def _fitted(self) -> History:
        if self._history is None:
            raise NotFittedError(f"{self.name} was asked before fit; call fit(interactions, items=…, rng=…) first")
        return self._history


def session_rows(sessions: pl.DataFrame, items: pl.Series, *, position_decay: float) -> tuple[pl.Series, sp.csr_matrix]:
    """Ids of the sessions, sorted, and a row of weights for each: position_decay to the power of steps from the end.

    An item that comes twice counts as its heavier self. A column ``weight`` multiplies; unknown items have no weight.
    """
    asked = sessions[c.SESSION_ID].unique().sort()
    steps = (pl.col(c.POSITION).max().over(c.SESSION_ID) - pl.col(c.POSITION)).cast(pl.Float64)
    weight = pl.col(c.WEIGHT).cast(pl.Float64) if c.WEIGHT in sessions.columns else pl.lit(1.0)
    known = (
        sessions.with_columns((position_decay**steps * weight).alias(c.WEIGHT))
        .filter(pl.col(c.WEIGHT) > 0)
        .join(items.to_frame(c.ITEM_ID), on=c.ITEM_ID, how="semi")
        .group_by(c.SESSION_ID, c.ITEM_ID)
        .agg(pl.col(c.WEIGHT).max())
        .sort(c.SESSION_ID, c.ITEM_ID)
    )
    at = positions(known[c.SESSION_ID], asked), positions(known[c.ITEM_ID], items)
    weights = known[c.WEIGHT].to_numpy().astype(np.float32)
    return asked, sp.csr_matrix((weights, at), shape=(len(asked), len(items)))
