"""A ranker of what comes next: views of the past propose and testify, boosted trees decide.

The trees learn from sequences that were held out, with views fitted on what precedes them; then the views are fitted
anew on everything.
"""

from typing import Annotated, Final, Self

import numpy as np
from catboost import CatBoost
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from recsys.candidates.next_item_trees import FEWEST_LESSONS, next_item_trees
from recsys.candidates.sequences import Sequences
from recsys.errors import NotFittedError
from recsys.ranking.next_item.chosen import Columns
from recsys.ranking.next_item.content import Content
from recsys.ranking.next_item.evidence import BLEND, Evidence, Values
from recsys.ranking.next_item.teaching import Taught, lessons
from recsys.types import Frozen

QUERIES_AT_ONCE: Final = 1000


class NextItemParams(Frozen):
    """How much is looked at, and how the trees learn."""

    candidates: PositiveInt = 100
    "Items of each query that are ranked."
    lessons: PositiveInt = 40_000
    "Held-out queries that the trees learn from, at most."
    negative_share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.3
    """Of a lesson's candidates that did not come next, so many teach, drawn evenly: with more hard ones than others,
    the others would look better than they are."""
    iterations: PositiveInt = 500
    learning_rate: PositiveFloat = 0.08
    depth: PositiveInt = 6
    seed: NonNegativeInt = 7
    threads: PositiveInt = 2


class NextItem:
    """What comes next in a sequence."""

    def __init__(self, params: NextItemParams | None = None) -> None:
        self.params = params or NextItemParams()
        self.features: tuple[str, ...] = ()
        self.model: CatBoost | None = None
        self._evidence: Evidence | None = None

    def fit(
        self,
        sequences: Sequences,
        *,
        taught: Taught,
        repeats: bool,
        content: Content | None,
        rng: np.random.Generator,
    ) -> Self:
        """Learns from ``sequences``; where too few lessons can be learned from, the blend of the views decides alone.

        Args:
            sequences: in the order of time, oldest first, where ``taught`` is "latest sequences".
            taught: what is held out to learn from.
            repeats: whether items of a sequence may come again; how much, is learned.
            content: tokens of the same items; None: nothing is known of them.
            rng: draws lessons and negatives.
        """
        in_time = taught == "latest sequences"
        held = lessons(sequences, taught, at_most=self.params.lessons, rng=rng)
        past = Evidence.of(held.past, content, in_time=in_time, repeats=repeats)
        self.features, rows, labels, sizes = self._taught(past, held.queries, held.truth, rng)
        if len(sizes) >= FEWEST_LESSONS:
            grown = self.params.model_dump(include={"iterations", "learning_rate", "depth", "seed", "threads"})
            self.model = next_item_trees(rows, labels, sizes, **grown)
        self._evidence = Evidence.of(sequences, content, in_time=in_time, repeats=repeats)
        return self

    def predict(self, queries: Sequences, *, k: int) -> Columns:
        """The ``k`` best columns of each query, best first; -1 where there are no more."""
        if self._evidence is None:
            raise NotFittedError("the ranker of next items was asked before fit; call fit(sequences, …) first")
        blocks = [np.empty((0, k), dtype=np.int64)]
        for start in range(0, len(queries), QUERIES_AT_ONCE):
            block = queries.between(start, min(start + QUERIES_AT_ONCE, len(queries)))
            columns, known = self._evidence.rows(block, candidates=max(k, self.params.candidates))
            scores = np.where(columns >= 0, self._scores(known, columns.shape), -np.inf)
            order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
            blocks.append(np.take_along_axis(columns, order, axis=1))
        return np.concatenate(blocks)

    def _scores(self, known: dict[str, Values], shape: tuple[int, ...]) -> NDArray[np.float64]:
        if self.model is None:
            return known[BLEND].astype(np.float64)
        table = np.stack([known[name].ravel() for name in self.features], axis=1)
        scores: NDArray[np.float64] = self.model.predict(table, thread_count=self.params.threads)
        return scores.reshape(shape)

    def _taught(
        self, past: Evidence, queries: Sequences, truth: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[tuple[str, ...], Values, NDArray[np.bool_], NDArray[np.int64]]:
        """Names of features, rows of features, which of them came next, and the rows of each lesson."""
        names: tuple[str, ...] = ()
        rows, labels, sizes = [], [], []
        for start in range(0, len(queries), QUERIES_AT_ONCE):
            stop = min(start + QUERIES_AT_ONCE, len(queries))
            columns, known = past.rows(queries.between(start, stop), candidates=self.params.candidates)
            names = tuple(known)
            right = columns == truth[start:stop, None]
            kept = right | ((columns >= 0) & (rng.random(columns.shape) < self.params.negative_share))
            kept &= right.any(axis=1, keepdims=True)
            rows.append(np.stack([known[name][kept] for name in names], axis=1))
            labels.append(right[kept])
            sizes.append(kept.sum(axis=1))
        lengths = np.concatenate(sizes) if sizes else np.empty(0, np.int64)
        if not rows:
            return names, np.empty((0, 0), np.float32), np.empty(0, bool), lengths
        return names, np.concatenate(rows), np.concatenate(labels), lengths[lengths > 0]
