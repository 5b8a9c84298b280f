"""How the transformer is trained: all sessions, read several times over, until the latest of them are told no better.

jax and optax, the optional extra ``neural``, are imported when it is trained, and by nothing else.
"""

from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from recsys.candidates.sequences import Sequences
from recsys.errors import ConfigError, NotEnoughData
from recsys.predictors.session.attention_lessons import Lessons
from recsys.serving.continuing.attention import Attention
from recsys.types import Frozen

SEED_BELOW = 2**31
WARMING = 0.05
"""Share of all steps in which the length of a step rises."""


class AttentionParams(Frozen):
    """Size of the transformer, and how it is trained."""

    embedding_size: PositiveInt = 64
    "Numbers per item and event."
    layers: PositiveInt = 2
    "How often every event looks at those before it."
    heads: PositiveInt = 2
    "Ways of looking in each layer; they share the numbers of an event evenly."
    longest: Annotated[int, Field(ge=1, le=50)] = 32
    "Items of a session, the newest, that are looked at."
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.3
    "Share of the numbers that are left out while training."
    negatives: PositiveInt = 1024
    "Items drawn for a batch to stand for all; a catalogue that has no more is looked at whole."
    batch_events: PositiveInt = 1024
    "Events whose next items are learned in one step."
    learning_rate: PositiveFloat = 0.006
    "Length of the longest steps."
    epochs: PositiveInt = 8
    "Most times that every session is read."
    patience: PositiveInt = 2
    "Epochs without a gain after which it stops."
    held_share: Annotated[float, Field(gt=0.0, le=0.5)] = 0.05
    "Share of the sessions, the latest, that say when to stop; they are not learned from."

    @model_validator(mode="after")
    def _heads_share_evenly(self) -> Self:
        if self.embedding_size % self.heads:
            raise ValueError(f"found {self.embedding_size} numbers for {self.heads} heads, expected a multiple")
        return self


def learn_attention(past: Sequences, params: AttentionParams, rng: np.random.Generator) -> Attention:
    """The transformer that ranked what came next in the latest sessions best, by its mean reciprocal rank.

    Args:
        past: sessions in the order of time.
        params: of the network and its training.
        rng: draws the first weights, the order of sessions, dropout and the items that stand for others; the same gives
            the same transformer.

    Raises:
        ConfigError: jax or optax is not installed.
        NotEnoughData: no session of two items to learn from, or none to hold back.
    """
    try:
        from recsys.predictors.session.attention_network import ADAM, beginning, finished, ranks, step
    except ImportError as fault:
        raise ConfigError(
            f"found no {fault.name}, expected it for predictors.session.kind: attention; install it with "
            "`make setup NEURAL=1`, or choose another kind"
        ) from fault
    cut = round(len(past) * (1 - params.held_share))
    earlier, later = past.between(0, cut), past.between(cut, len(past))
    lessons, exam = (Lessons.of(part, longest=params.longest) for part in (earlier, later))
    if not len(lessons) or not len(exam):
        raise NotEnoughData(
            f"found {len(lessons)} items with a next one to learn from and {len(exam)} in the latest "
            f"{params.held_share:.0%} of the sessions, expected some in both; wait for more events"
        )
    shape = params.model_dump(include={"layers", "heads", "longest"})
    weights = beginning(len(past.items), size=params.embedding_size, **shape, rng=rng)
    steps = params.epochs * sum(1 for _ in lessons.batches(params.batch_events))
    lengths = iter(step_lengths(params.learning_rate, steps).tolist())
    state = ADAM.init(weights)
    draws = Draws(earlier, params.negatives)
    best, highest, waited = finished(weights), -1.0, 0
    for _ in range(params.epochs):
        for batch in lessons.batches(params.batch_events, rng):
            weights, state = step(
                weights,
                state,
                batch,
                draws.draw(rng),
                seed=rng.integers(SEED_BELOW),
                dropout=params.dropout,
                length=next(lengths),
            )
        reciprocal = sum(
            float((1 / np.asarray(ranks(weights, batch)))[batch.whose.reshape(-1) >= 0].sum())
            for batch in exam.batches(params.batch_events)
        )
        if reciprocal > highest:
            best, highest, waited = finished(weights), reciprocal, 0
        else:
            waited += 1
            if waited == params.patience:
                break
    return Attention(best)


def step_lengths(longest: float, steps: int) -> NDArray[np.float64]:
    """Rising evenly at first, then falling as half a wave of the cosine does."""
    done = np.arange(1, steps + 1) / (steps + 1)
    lengths: NDArray[np.float64] = longest * np.minimum(done / WARMING, 1.0) * (1 + np.cos(np.pi * done)) / 2
    return lengths


class Draws:
    """Items that stand for all: half of them drawn by how often they came, half evenly."""

    def __init__(self, past: Sequences, count: int) -> None:
        width = len(past.items)
        self.count = count
        events = np.bincount(past.columns, minlength=width)
        self.chances = 0.5 * events / events.sum() + 0.5 / width
        self._sums = np.cumsum(self.chances)

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Columns, and the log of how many draws of each are expected; every item once, where there are no more."""
        width = len(self.chances)
        if width <= self.count:
            return np.arange(width), np.zeros(width, np.float32)
        columns = np.minimum(np.searchsorted(self._sums, rng.random(self.count), side="right"), width - 1)
        return columns, np.log(self.count * self.chances[columns]).astype(np.float32)
