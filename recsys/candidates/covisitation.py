"""Items that come after one another: directed counts that fade with distance and age.

Score of j where i is known: C(i, j) / ((n(i) + s)^a · (m(j) + s)^b). C(i, j) adds up, over every sequence where the two
stand within the window, the weight of the older event times d^(moments between − 1), times ``forward`` where j is the
later one and ``backward`` where it is the earlier. n(i) is the sum of C's row i, m(j) of its column j over their mean.
"""

from typing import Annotated

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from recsys.candidates.best import Scores
from recsys.candidates.heaviest import heaviest
from recsys.candidates.history import History
from recsys.candidates.query import QueryGenerator, SessionParams
from recsys.candidates.sequences import Sequences, Within
from recsys.types import Frozen

Power = Annotated[float, Field(ge=0.0, le=1.0)]
Values = NDArray[np.float64]
Columns = NDArray[np.int64]
EVENTS_AT_ONCE = 4_000_000
"""Events whose pairs are counted at a time: bounds memory, changes nothing."""


class Transitions(Frozen):
    """How pairs are counted, and how counts become scores."""

    window: PositiveInt = 10
    "Two events that far from each other in a sequence still make a pair."
    forward: NonNegativeFloat = 1.0
    "What a pair counts for the later item, given the earlier."
    backward: NonNegativeFloat = 0.5
    "What it counts for the earlier item, given the later."
    distance_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 0.8
    "Each further moment between the two lets the pair count this much; 1: distance does not matter."
    known_power: Power = 0.5
    "How strongly the size of the known item is divided out: 1 gives shares of what followed."
    popularity_power: Power = 0.2
    "How strongly the size of the proposed item is divided out; 0 favours the popular."
    shrinkage: NonNegativeFloat = 3.0
    "Damps scores that rest on few pairs, in pairs."
    neighbours: PositiveInt = 300
    "Items kept per known item."


class CovisitationParams(SessionParams, Transitions):
    """The same, with what a sequence is, and forgetting."""

    within: Within = "user"
    "Pairs are counted within all that a user did, or within sessions."
    half_life_days: PositiveFloat | None = 60.0
    "An event this much older than the newest counts half; null: age does not matter."
    position_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 0.6
    "An item of a session, or of a user's history, counts this much of the one after it."


class Covisitation(QueryGenerator[CovisitationParams]):
    """What others did next."""

    name = "covisitation"
    learned = ("_followers",)

    def __init__(self, params: CovisitationParams | None = None) -> None:
        super().__init__(params or CovisitationParams())

    def _learn(self, interactions: pl.DataFrame, items: pl.DataFrame, rng: np.random.Generator) -> History:
        params = self.params
        sequences = Sequences.of(interactions, within=params.within, half_life_days=params.half_life_days)
        self._followers = follow_scores(sequences, params)
        return Sequences.histories(interactions, position_decay=params.position_decay)

    def _scores(self, queries: sp.csr_matrix) -> Scores:
        found: Scores = (queries @ self._followers).toarray()
        found[found <= 0] = -np.inf
        return found


def follow_scores(sequences: Sequences, params: Transitions) -> sp.csr_matrix:
    """Items × items, float32; row: item known, column: item proposed; the ``neighbours`` best of each row.

    The diagonal is there: an item that follows itself.
    """
    counts = pair_counts(sequences, params)
    known = np.asarray(counts.sum(axis=1)).ravel() + params.shrinkage
    proposed = np.asarray(counts.sum(axis=0)).ravel()
    proposed = proposed / (proposed[proposed > 0].mean() if counts.nnz else 1.0) + params.shrinkage
    scores = _divided(known, params.known_power) @ counts @ _divided(proposed, params.popularity_power)
    return heaviest(scores.tocsr(), params.neighbours)


def pair_counts(sequences: Sequences, params: Transitions) -> sp.csr_matrix:
    """C of the module's text: items × items, float64."""
    width = len(sequences.items)
    total = sp.csr_matrix((width, width))
    columns, owner, moments = sequences.columns, sequences.owner, sequences.moments
    for steps in range(1, min(params.window, len(columns) - 1) + 1):
        for start in range(0, len(columns) - steps, EVENTS_AT_ONCE):
            at = np.arange(start, min(start + EVENTS_AT_ONCE, len(columns) - steps))
            at = at[owner[at] == owner[at + steps]]
            between = moments[at + steps] - moments[at]
            value = sequences.weights[at] * params.distance_decay ** np.maximum(between - 1, 0)
            one_way = between > 0  # events of one moment have no direction: each may follow the other
            mean = (params.forward + params.backward) / 2
            after = value * np.where(one_way, params.forward, mean)
            before = value * np.where(one_way, params.backward, mean)
            earlier, later = columns[at], columns[at + steps]
            total = total + _counted(after, earlier, later, width) + _counted(before, later, earlier, width)
    total.eliminate_zeros()
    return total


def _counted(values: Values, rows: Columns, columns: Columns, width: int) -> sp.csr_matrix:
    return sp.csr_matrix((values, (rows, columns)), shape=(width, width))


def _divided(size: Values, power: float) -> sp.dia_array:
    return sp.diags_array(np.maximum(size, 1e-12) ** -power)
