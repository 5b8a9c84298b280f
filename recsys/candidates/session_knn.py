"""Items of the sessions that are most like this one.

Source: Jannach and Ludewig, "When recurrent neural networks meet the neighborhood for session-based recommendation",
RecSys 2017; the weights of recent items as in V-SKNN (Ludewig and Jannach, UMUAI 28, 2018).

Likeness of a session q and a past sequence s: Σ_i q(i)·idf(i)/√n(s) over the items of both, with q(i) falling with each
step back from the end of q and n(s) the number of items of s. An item scores the likeness of the neighbours that have
it, added up, times its idf to a power: what every neighbour has says little.
"""

from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from recsys.candidates.best import Scores
from recsys.candidates.generator import State
from recsys.candidates.heaviest import heaviest
from recsys.candidates.history import History
from recsys.candidates.query import QueryGenerator, SessionParams
from recsys.candidates.sequences import Sequences, Within
from recsys.types import Frozen


class Likeness(Frozen):
    """Which past sequences are neighbours, and what they say."""

    neighbours: PositiveInt = 300
    "Past sequences that an answer is made of."
    recent_sequences: PositiveInt = 500
    "Only so many sequences of an item, the newest, are looked at: time and memory grow with it."
    rarity_power: Annotated[float, Field(ge=0.0, le=2.0)] = 0.0
    "How strongly an item is damped that most sequences have; 0: not at all."


class SessionKnnParams(SessionParams, Likeness):
    """The same, with what a sequence is."""

    within: Within = "session"
    "What is compared: sessions, or all that a user did."


@dataclass(frozen=True)
class Neighbours:
    """Past sequences, ready to be compared with."""

    holders: sp.csr_matrix
    "Items × sequences: which of the newest have an item, heavier when they have few."
    contents: sp.csr_matrix
    "Sequences × items: what each has, heavier where rare."
    rarity: NDArray[np.float64]
    "idf of every item."
    params: Likeness

    @classmethod
    def of(cls, sequences: Sequences, params: Likeness) -> Self:
        """``sequences`` stand in the order of time: the later are the newer."""
        present = sequences.ends(1.0, at_most=None)
        size, sequences_of = np.diff(present.indptr), np.bincount(present.indices, minlength=present.shape[1])
        rarity = np.log((present.shape[0] + 1) / (sequences_of + 1)) + 1 / (present.shape[0] + 1)
        by_item = (sp.diags_array(1 / np.sqrt(np.maximum(size, 1))) @ present).T.tocsr()
        by_item.sort_indices()
        newest = np.repeat(by_item.indptr[1:], sequences_of) - np.arange(by_item.nnz) <= params.recent_sequences
        ends = np.concatenate([[0], np.cumsum(newest)])[by_item.indptr]
        holders = sp.csr_matrix((by_item.data[newest], by_item.indices[newest], ends), shape=by_item.shape)
        return cls(holders, (present @ sp.diags_array(rarity**params.rarity_power)).tocsr(), rarity, params)

    def scores(self, queries: sp.csr_matrix) -> sp.csr_matrix:
        """Scores of items, one row per row of ``queries``; of equally like sequences the newer is the neighbour."""
        likeness = ((queries @ sp.diags_array(self.rarity)) @ self.holders).tocsr()
        newest_first = heaviest(likeness[:, ::-1].tocsr(), self.params.neighbours)
        return (newest_first[:, ::-1].tocsr() @ self.contents).tocsr()


class SessionKnn(QueryGenerator[SessionKnnParams]):
    """What sessions like this one also had."""

    name = "session_knn"

    def __init__(self, params: SessionKnnParams | None = None) -> None:
        super().__init__(params or SessionKnnParams())

    def _learn(self, interactions: pl.DataFrame, items: pl.DataFrame, rng: np.random.Generator) -> History:
        sequences = Sequences.of(interactions, within=self.params.within, half_life_days=None)
        self._neighbours = Neighbours.of(sequences, self.params)
        return Sequences.histories(interactions, position_decay=self.params.position_decay)

    def _learned(self) -> State:
        near = self._neighbours
        return {"holders": near.holders, "contents": near.contents, "rarity": near.rarity}

    def _relearn(self, state: State) -> None:
        self._neighbours = Neighbours(state["holders"], state["contents"], state["rarity"], self.params)

    def _scores(self, queries: sp.csr_matrix) -> Scores:
        found: Scores = self._neighbours.scores(queries).toarray().astype(np.float32, copy=False)
        found[found <= 0] = -np.inf
        return found
