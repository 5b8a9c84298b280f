"""Beginnings of sessions as a model of purchase intent sees them."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from recsys.predictors.intent.prefixes import Prefixes
from recsys.predictors.intent.sessions import Session
from recsys.predictors.quality import Probabilities
from recsys.predictors.seen import SeenRows

DAY: Final = 86_400
"""Seconds."""


def seen_sessions(
    names: tuple[str, ...], sessions: Sequence[Session], prefixes: Prefixes, said: Probabilities
) -> SeenRows:
    """The rows of ``prefixes_of(sessions, …)``, with features of these names and what is said of each."""
    users = np.unique([session.user_id for session in sessions], return_inverse=True)[1]
    days = np.array([session.started // DAY for session in sessions], np.int64)
    table, labels = prefixes.examples.table, prefixes.examples.labels
    return SeenRows(names, table, said, labels, users[prefixes.session], days[prefixes.session])
