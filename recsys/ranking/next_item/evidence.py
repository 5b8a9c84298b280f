"""What is known of a query, an item, and both together, before anything is learned from it."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys.candidates.covisitation import Transitions, pair_counts
from recsys.candidates.sequences import Sequences
from recsys.ranking.next_item.chosen import Columns, best_of, blend, entries
from recsys.ranking.next_item.content import Content
from recsys.ranking.next_item.places import Places
from recsys.ranking.next_item.views import CONTENT, LINEAR, NEIGHBOURS, NEXT, OWN_DECAY, Views

Values = NDArray[np.float32]
RANKED: Final = ("near", "forward", "lately", LINEAR, NEIGHBOURS, CONTENT)
"""Views whose order of the candidates is told, beside their scores."""
BLEND: Final = "blend"
ITEM_FACTS: Final = ("popularity", "popularity_lately", "trend", "ends", "starts", "partners", "repeats")
LATE: Final = 0.05
"""Share of the events, the last, in which an item is popular lately."""
SMALLEST: Final = 1e-12
FAR: Final = 99.0
"""Steps to an item that the sequence does not have."""


@dataclass(frozen=True)
class Evidence:
    """Everything fitted on past sequences that a row of a query and a candidate is made of."""

    views: Views
    items: NDArray[np.float32]
    "Items × ITEM_FACTS."
    places: Places
    follows: NDArray[np.float32] | None
    "Tokens × tokens, where content is known."
    repeats: bool

    @classmethod
    def of(cls, past: Sequences, content: Content | None, *, in_time: bool, repeats: bool) -> Self:
        """Learns from ``past``; ``in_time``: its sequences stand in the order of time."""
        views = Views.of(past, content, in_time=in_time)
        counts = pair_counts(past, Transitions())
        follows = None if content is None else content.follows(counts)
        return cls(views, item_facts(past, counts), Places.of(counts), follows, repeats)

    def rows(self, queries: Sequences, *, candidates: int) -> tuple[Columns, dict[str, Values]]:
        """The candidates of each query, and by feature what is known of them; shape (queries, candidates)."""
        scores = self.views.scores(queries)
        own = queries.ends(OWN_DECAY if self.repeats else 1.0, at_most=None)
        together = blend(scores, own, repeats=self.repeats)
        columns = best_of(together, candidates)
        known = {BLEND: entries(together, columns)}
        for name, view in scores.items():
            value = entries(view, columns)
            known[name] = value
            known[f"{name}_share"] = value / np.maximum(value.max(axis=1, keepdims=True), SMALLEST)
            if name in RANKED:
                known[f"{name}_rank"] = _order(value)
        known |= self._of_queries(queries, scores[NEXT], columns.shape)
        known |= {name: self.items[columns, n] for n, name in enumerate(ITEM_FACTS)}
        known |= self.places.likeness(queries, columns)
        if self.repeats:
            known |= _own(queries, columns)
        if self.views.content is not None and self.follows is not None:
            known |= _of_content(queries, columns, self.views.content, self.follows)
        return columns, known

    def _of_queries(self, queries: Sequences, following: sp.csr_matrix, shape: tuple[int, ...]) -> dict[str, Values]:
        """The same for all candidates of a query."""
        last = queries.last()
        own = queries.ends(1.0, at_most=None)
        facts = {
            "query_length": queries.lengths,
            "query_variety": np.diff(own.indptr) / np.maximum(queries.lengths, 1),
            "next_best": following.max(axis=1).toarray().ravel(),
            **{f"last_{name}": np.where(last >= 0, self.items[last, n], 0.0) for n, name in enumerate(ITEM_FACTS)},
        }
        return {name: np.broadcast_to(value.astype(np.float32)[:, None], shape) for name, value in facts.items()}


def item_facts(past: Sequences, counts: sp.csr_matrix) -> NDArray[np.float32]:
    """Items × ITEM_FACTS.

    How often it came (log), and lately; its rise; how often it is the last or the first of a sequence; how many items
    it stands beside (log); how often it comes twice where it comes.
    """
    width = len(past.items)
    events = np.bincount(past.columns, minlength=width).astype(float)
    late = np.bincount(past.columns[round(len(past.columns) * (1 - LATE)) :], minlength=width)
    filled = past.lengths > 0
    ends = np.bincount(past.columns[past.starts[1:][filled] - 1], minlength=width)
    starts = np.bincount(past.columns[past.starts[:-1][filled]], minlength=width)
    present = sp.csr_matrix((np.ones(len(past.columns)), (past.owner, past.columns)), shape=(len(past), width))
    sequences_of = np.bincount(present.indices, minlength=width)
    twice = np.bincount(present.indices, weights=present.data > 1, minlength=width)
    facts = (
        np.log1p(events),
        np.log1p(late),
        late / (events + 5),
        ends / np.maximum(events, 1),
        starts / np.maximum(events, 1),
        np.log1p(np.diff(counts.indptr)),
        (twice + 1) / (sequences_of + 10),
    )
    return np.stack(facts, axis=1).astype(np.float32)


def _order(value: Values) -> Values:
    """The place of each value in its row: 0 is the highest."""
    return np.argsort(np.argsort(-value, axis=1, kind="stable"), axis=1).astype(np.float32)


def _own(queries: Sequences, columns: Columns) -> dict[str, Values]:
    """How many steps ago the candidate came in the query itself (0: it was the last), and how often."""
    shape = (len(queries), len(queries.items))
    owner = queries.owner
    back = queries.starts[1:][owner] - np.arange(len(queries.columns))
    often = sp.csr_matrix((np.ones(len(owner)), (owner, queries.columns)), shape=shape)
    order = np.lexsort((back, queries.columns, owner))
    first = np.diff(owner[order], prepend=-1).astype(bool) | np.diff(queries.columns[order], prepend=-1).astype(bool)
    kept = order[first]
    nearest = sp.csr_matrix((back[kept].astype(float), (owner[kept], queries.columns[kept])), shape=shape)
    ago = entries(nearest, columns)
    return {"own_steps": np.where(ago > 0, ago - 1, FAR).astype(np.float32), "own_count": entries(often, columns)}


def _of_content(
    queries: Sequences, columns: Columns, content: Content, follows: NDArray[np.float32]
) -> dict[str, Values]:
    """Cosine of the candidate's tokens with those of the query and of its last item; how its tokens follow theirs."""
    tokens = content.tokens.astype(np.float32)
    candidates = tokens[np.maximum(columns, 0).ravel()]
    rows = np.repeat(np.arange(len(queries)), columns.shape[1])
    known = {}
    for name, query in (("content_all", queries.ends(0.8)), ("content_last", queries.ends(1.0, at_most=1))):
        told = (query @ tokens).tocsr()
        known[f"{name}_likeness"] = _products(candidates, told.toarray(), rows, columns.shape)
        known[f"{name}_follows"] = _products(candidates, told @ follows, rows, columns.shape)
    return known


def _products(candidates: sp.csr_matrix, told: NDArray[np.float32], rows: Columns, shape: tuple[int, ...]) -> Values:
    """The product of each candidate's tokens with its query's row of ``told``."""
    entry_rows = np.repeat(rows, np.diff(candidates.indptr))
    values = candidates.data * told[entry_rows, candidates.indices]
    sums = np.bincount(np.repeat(np.arange(len(rows)), np.diff(candidates.indptr)), values, minlength=len(rows))
    return sums.reshape(shape).astype(np.float32)
