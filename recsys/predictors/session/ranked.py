"""How trees learn to weigh what the parts of a mixture say.

They learn from the latest sessions, with parts that were learned from what precedes them; then the parts are learned
anew from everything.
"""

import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PositiveInt

from recsys.candidates.next_item_trees import FEWEST_LESSONS, next_item_trees
from recsys.candidates.sequences import Sequences
from recsys.predictors.session.from_generators import STAN, NeighboursParams, learn_neighbours
from recsys.predictors.session.mixture import MixtureParams, learn_mixture
from recsys.predictors.trees import settled_model
from recsys.serving.continuing.best import best_first, settled
from recsys.serving.continuing.model import LONGEST
from recsys.serving.continuing.ranked import Evidence, Ranked
from recsys.serving.continuing.scorer import SessionScorer

LATE: Final = 0.05
"""Share of the events, the last, in which an item is popular lately."""
FIRST: Final = 20
ALONE: Final = {"V-SKNN": NeighboursParams(), "STAN": STAN}
THREADS: Final = 2
"""Fixed, so that the same sessions give the same model on any machine."""


class RankedParams(MixtureParams):
    """What proposes, and how the trees learn."""

    candidates: PositiveInt = 100
    "Items of each session that are ranked."
    taught_share: Annotated[float, Field(ge=0.02, le=0.5)] = 0.1
    "Share of the sessions, the latest, that the trees learn from."
    lessons: PositiveInt = 40_000
    "Beginnings of those, at most, drawn at random."
    negative_share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.3
    "Of a lesson's candidates that did not come next, so many teach, drawn at random."
    iterations: PositiveInt = 200
    "Most trees."
    learning_rate: PositiveFloat = 0.08
    depth: PositiveInt = 6


def learn_ranked(past: Sequences, params: RankedParams, rng: np.random.Generator) -> SessionScorer:
    """The trees with their mixture; where there is too little to learn from, what did best on it alone.

    That is the mixture, V-SKNN or STAN, by the mean reciprocal rank of what came next; of equals the first.
    """
    first = round(len(past) * (1 - params.taught_share))
    earlier, held = past.between(0, first), past.between(first, len(past))
    evidence = _evidence(earlier, params, rng)
    held = held.taken((evidence.facts[:, 0] > 0)[held.columns])
    drawn = _drawn(held, params.lessons, rng)
    rows, labels, sizes = _lessons(evidence, held, drawn, params, rng)
    if len(sizes) < FEWEST_LESSONS:
        alone = {"mixture": evidence.mixture} | {name: learn_neighbours(earlier, ALONE[name], rng) for name in ALONE}
        best = max(alone, key=lambda name: _mean_reciprocal_rank(alone[name], held, drawn))
        return learn_neighbours(past, ALONE[best], rng) if best in ALONE else learn_mixture(past, params, rng)
    return Ranked(_evidence(past, params, rng), _trees(rows, labels, sizes, params, seed=int(rng.integers(2**31))))


def item_facts(past: Sequences) -> NDArray[np.float32]:
    """Items × facts.

    How often it came (log), and lately; its rise; how often it is the last or the first of a session; how often it
    comes again in a session that has it.
    """
    width = len(past.items)
    events = np.bincount(past.columns, minlength=width)
    late = np.bincount(past.columns[round(len(past.columns) * (1 - LATE)) :], minlength=width)
    filled = past.lengths > 0
    ends = np.bincount(past.columns[past.starts[1:][filled] - 1], minlength=width)
    starts = np.bincount(past.columns[past.starts[:-1][filled]], minlength=width)
    sessions = np.bincount(np.unique(past.owner * width + past.columns) % width, minlength=width)
    seen = np.maximum(events, 1)
    facts = (np.log1p(events), np.log1p(late), late / (events + 5), ends / seen, starts / seen, sessions / seen)
    return np.stack(facts, axis=1).astype(np.float32)


def _evidence(past: Sequences, params: RankedParams, rng: np.random.Generator) -> Evidence:
    return Evidence(learn_mixture(past, params, rng), item_facts(past), params.candidates)


def _drawn(held: Sequences, at_most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Events that something of their session precedes, in their order."""
    ends = np.setdiff1d(np.arange(len(held.columns)), held.starts)
    return np.sort(rng.permutation(ends)[:at_most])


def _before(held: Sequences, drawn: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], np.int64]]:
    """For each of the events ``drawn`` what precedes it in its session, and its own column."""
    owner = held.owner
    for end in drawn:
        yield held.columns[max(held.starts[owner[end]], end - LONGEST) : end], held.columns[end]


def _mean_reciprocal_rank(scorer: SessionScorer, held: Sequences, drawn: NDArray[np.int64]) -> float:
    """Of the events ``drawn``, after what precedes them; 0 beyond the first FIRST."""
    total = 0.0
    for session, truth in _before(held, drawn):
        columns, scores = scorer.score(session)
        best = islice(best_first(columns, settled(scores), at_once=FIRST), FIRST)
        total += next((1 / place for place, (column, _) in enumerate(best, start=1) if column == truth), 0.0)
    return total / max(len(drawn), 1)


def _lessons(
    evidence: Evidence, held: Sequences, drawn: NDArray[np.int64], params: RankedParams, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.int64]]:
    """Rows of candidates, which of them came next, and the rows of each lesson; those that hold no answer are left."""
    tables, labels = [np.empty((0, 0), dtype=np.float32)], [np.empty(0, dtype=bool)]
    for session, truth in _before(held, drawn):
        columns, table, _ = evidence.table(session)
        right = columns == truth
        if right.any():
            taught = right | (rng.random(len(columns)) < params.negative_share)
            tables.append(table[taught])
            labels.append(right[taught])
    sizes = np.array([len(each) for each in labels[1:]], dtype=np.int64)
    return np.concatenate(tables[1:] or tables), np.concatenate(labels), sizes


def _trees(
    rows: NDArray[np.float32], labels: NDArray[np.bool_], sizes: NDArray[np.int64], params: RankedParams, *, seed: int
) -> NDArray[np.uint8]:
    """The trees in CatBoost's binary form."""
    grown = params.model_dump(include={"iterations", "learning_rate", "depth"})
    model = next_item_trees(rows, labels, sizes, **grown, seed=seed, threads=THREADS)
    settled_model(model)
    with tempfile.TemporaryDirectory() as folder:
        model.save_model(f"{folder}/trees.cbm")
        return np.frombuffer((Path(folder) / "trees.cbm").read_bytes(), dtype=np.uint8)
