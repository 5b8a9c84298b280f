"""Beginnings of sessions: what a model is asked about, with what then became of the session."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsys.predictors.examples import Examples
from recsys.predictors.intent.sessions import Session
from recsys.serving.predicting.session import SessionRules
from recsys.serving.predicting.session_features import SessionWalk, feature_names

NO_CART: Final = -1


@dataclass(frozen=True)
class Prefixes:
    """Rows are beginnings of sessions, session after session, shorter before longer."""

    examples: Examples
    session: NDArray[np.int64]
    "Which of the sessions each row is a beginning of."
    events: NDArray[np.int64]
    "How many events it has."
    after_cart: NDArray[np.int64]
    "How many events came after the first that put something in the cart; NO_CART before it."


def prefixes_of(
    sessions: Sequence[Session],
    rules: SessionRules,
    *,
    at_most: int | None = None,
    rng: np.random.Generator | None = None,
    bare: bool = False,
) -> Prefixes:
    """Every beginning of every session, from its first event to the last before the purchase.

    Args:
        sessions: of at least one event each.
        rules: of the site.
        at_most: so many rows, drawn evenly; None: all.
        rng: draws them; needed where ``at_most`` is given.
        bare: nothing but the types of events is told.
    """
    lengths = [len(session.events) for session in sessions]
    wanted = np.ones(sum(lengths), dtype=np.bool_)
    if at_most is not None and rng is not None and at_most < len(wanted):
        wanted[:] = False
        wanted[rng.permutation(len(wanted))[:at_most]] = True
    rows: list[list[float]] = []
    places: list[tuple[int, int, int]] = []
    row = 0
    for number, session in enumerate(sessions):
        walk = SessionWalk(rules)
        for length, event in enumerate(session.events, start=1):
            walk.add(event.bare if bare else event)
            if wanted[row]:
                rows.append(walk.features())
                since = walk.events_since_cart
                places.append((number, length, NO_CART if since is None else since))
            row += 1
    table = np.asarray(rows, dtype=np.float32).reshape(len(rows), len(feature_names(rules)))
    place = np.asarray(places, dtype=np.int64).reshape(len(places), 3)
    bought = np.asarray([session.bought for session in sessions], dtype=np.bool_)
    return Prefixes(Examples(table, bought[place[:, 0]]), place[:, 0], place[:, 1], place[:, 2])
