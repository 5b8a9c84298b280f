"""How a recurrent network learns purchase intent: each event of a session is an example of what has been so far.

One pass over a session gives the loss after every one of its events, as each state knows the events before it alone.
jax and optax, the optional extra ``neural``, are imported when a network is trained, and by nothing else.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from recsys.errors import ConfigError, NotEnoughData
from recsys.predictors.intent.prefixes import prefixes_of
from recsys.predictors.intent.sessions import Session
from recsys.predictors.quality import best_threshold
from recsys.serving.predicting.calibration import Calibration
from recsys.serving.predicting.recurrent import Recurrent
from recsys.serving.predicting.scorer import probability
from recsys.serving.predicting.session import SessionRules
from recsys.serving.predicting.session_features import feature_names
from recsys.serving.predicting.step_inputs import StepInputs
from recsys.sites.predictor_policy import RecurrentPolicy

if TYPE_CHECKING:
    from recsys.predictors.intent.recurrent_network import Batch

WIDTH: Final = 64
"""Events of a lane, and the most of a session that is learned from: its first."""
PATIENCE: Final = 4
"""Epochs without a better log-loss of the held-back sessions before training stops."""
MEASURED: Final = 200_000
"""At most so many rows, spread evenly, give the scale of the inputs."""
STEEPEST: Final = 1.0
"""Longest gradient that is followed; of a longer one the direction alone."""


@dataclass(frozen=True)
class Told:
    """Every beginning of some sessions, told twice: with all that is known of their events, then with types alone."""

    table: NDArray[np.float32]
    "The features after each event, shape (rows, features)."
    labels: NDArray[np.bool_]
    session: NDArray[np.int64]
    "Of which telling each row is: that of session n is n in the first half, n and the number of sessions in the other."

    @classmethod
    def of(cls, sessions: Sequence[Session], rules: SessionRules) -> "Told":
        whole, bare = (prefixes_of(sessions, rules, bare=bare) for bare in (False, True))
        both = whole.examples + bare.examples
        return cls(both.table, both.labels, np.concatenate([whole.session, bare.session + len(sessions)]))


class Lessons:
    """What a network reads: tellings in lanes, one after the other."""

    def __init__(self, told: Told, inputs: StepInputs) -> None:
        self.table, self.inputs = told.table, inputs
        self.labels = told.labels.astype(np.float32)
        self.begins = np.diff(told.session, prepend=-1) != 0
        self.starts = np.flatnonzero(self.begins)
        self.lengths = np.minimum(np.diff(self.starts, append=len(self.labels)), WIDTH)

    def halves(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Each session once, in any order, one in two with types alone."""
        sessions = len(self.starts) // 2
        return rng.permutation(sessions) + sessions * rng.integers(0, 2, sessions)

    def batches(self, tellings: NDArray[np.int64], lanes: int) -> "Iterator[Batch]":
        """These tellings, in their order, so many lanes at once; lanes that are missing in the last are not counted."""
        from recsys.predictors.intent.recurrent_network import Batch

        rows = in_lanes(self.starts[tellings], self.lengths[tellings], WIDTH)
        rows = np.concatenate([rows, np.full((-len(rows) % lanes, WIDTH), -1)])
        for part in rows.reshape(-1, lanes, WIDTH):
            inputs = self.inputs(self.table[part.ravel()]).astype(np.float32).reshape(*part.shape, -1)
            yield Batch(inputs, self.begins[part], self.labels[part], (part >= 0).astype(np.float32))


def in_lanes(starts: NDArray[np.int64], lengths: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """Numbers of rows, shape (lanes, width), -1 where a lane is not filled; what does not fit begins the next lane."""
    lane, used, places = 0, 0, []
    for length in lengths.tolist():
        if used + length > width:
            lane, used = lane + 1, 0
        places.append(lane * width + used)
        used += length
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    rows = np.full((lane + 1) * width, -1)
    rows[np.repeat(np.array(places, dtype=np.int64), lengths) + within] = np.repeat(starts, lengths) + within
    return rows.reshape(-1, width)


def fit_recurrent(
    learned: Sequence[Session],
    held: Sequence[Session],
    rules: SessionRules,
    policy: RecurrentPolicy,
    *,
    calibrate: Literal["isotonic", "platt"] | None,
    rng: np.random.Generator,
) -> Recurrent:
    """The network with the least log-loss of the ``held`` sessions, both tellings alike.

    Args:
        learned: sessions that are learned from, in every epoch one in two with types alone.
        held: later than those; they stop the training, and say from which probability on a session is taken for one
            that buys.
        rules: of the site.
        policy: how it is trained.
        calibrate: a curve on top, fitted on the held sessions; None: none.
        rng: draws the first weights, and in which order sessions are read; the same gives the same network.

    Raises:
        ConfigError: jax or optax is not installed.
        NotEnoughData: successes alone, or none, in one of the two.
    """
    try:
        import jax
        import optax

        from recsys.predictors.intent.recurrent_network import beginning, judged, stepping
    except ImportError as fault:
        raise ConfigError(
            f"found no {fault.name}, expected it for predictors.intent.model: recurrent; install it with "
            "`make setup NEURAL=1`, or leave the model to be trees"
        ) from fault
    for name, sessions in (("learn from", learned), ("hold back", held)):
        if len({session.bought for session in sessions}) < 2:
            raise NotEnoughData(
                f"found {sum(session.bought for session in sessions)} buying sessions among {len(sessions)} to {name}, "
                "expected both kinds; wait for more events"
            )
    told, later = Told.of(learned, rules), Told.of(held, rules)
    some = told.table[:: 1 + len(told.table) // MEASURED]
    inputs = StepInputs.of(some, feature_names(rules), len(rules.seen_types))
    lessons, exam = Lessons(told, inputs), Lessons(later, inputs)
    weights = beginning(inputs.width, policy.hidden_size, rate=float(told.labels.mean()), rng=rng)
    optimizer = optax.chain(
        optax.clip_by_global_norm(STEEPEST), optax.adamw(policy.learning_rate, weight_decay=policy.reg)
    )
    state, step = optimizer.init(weights), stepping(optimizer)
    best, least, waited = jax.device_get(weights), np.inf, 0
    for _ in range(policy.epochs):
        for batch in lessons.batches(lessons.halves(rng), policy.batch_size):
            weights, state = step(weights, state, batch)
        every = np.arange(len(exam.starts))
        loss = sum(float(judged(weights, batch)) for batch in exam.batches(every, policy.batch_size))
        if loss < least:
            best, least, waited = jax.device_get(weights), loss, 0
        elif (waited := waited + 1) == PATIENCE:
            break
    network = Recurrent(inputs, best, calibration=None, threshold=0.5)
    scores = network.log_odds(later.table, later.session)
    if calibrate is not None:
        network.calibration = Calibration.of(calibrate, scores, later.labels, np.ones(len(scores)))
    network.threshold = best_threshold(later.labels, probability(scores, network.calibration))
    return network
