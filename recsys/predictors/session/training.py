"""How the next items of a session are learned from sessions that are over."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from recsys.candidates.sequences import Sequences
from recsys.events.quality.report import Check
from recsys.predictors.session.checks import session_checks
from recsys.predictors.session.from_generators import STAN
from recsys.predictors.session.kinds import learn
from recsys.predictors.table_checks import require_passed
from recsys.serving.continuing.model import NextItems
from recsys.sites.predictor_policy import SessionPolicy
from recsys.types import ItemId


class Rival(NamedTuple):
    """One baseline."""

    kind: str
    params: Mapping[str, Any]


POPULAR: Final = "popularity"
BASELINES: Final[Mapping[str, Rival]] = {
    POPULAR: Rival("popular", {}),
    "last item": Rival(
        "followers",
        {"position_decay": 0.0, "window": 1, "backward": 0.0, "popularity_power": 0.0, "shrinkage": 0.0},
    ),
    "V-SKNN": Rival("neighbours", {}),
    "STAN": Rival("neighbours", STAN.model_dump()),
}
"""What a model has to beat. The last item's next: what followed it most often, the session otherwise unseen."""


@dataclass(frozen=True)
class FittedSessions:
    """A model, what it is compared with, and what it learned from."""

    model: NextItems
    baselines: dict[str, NextItems]
    checks: tuple[Check, ...]
    popularity: dict[ItemId, int]
    "Events of each item in what was learned from."
    sessions: int


def fit_sessions(
    sessions: Sequence[Sequence[ItemId]], policy: SessionPolicy, *, rng: np.random.Generator
) -> FittedSessions:
    """Learns what comes next, in the way that the policy names, and every baseline.

    Args:
        sessions: item ids, oldest first; the sessions in the order of time.
        policy: of the site.
        rng: for what is drawn in learning.

    Raises:
        TableRefused: the sessions are not what the policy expects.
        ConfigError: the policy names no kind that there is, or params that it refuses.
    """
    sessions = sessions[-policy.sessions :]
    checks = session_checks(sessions, policy.checks)
    require_passed(checks)
    past = Sequences.of_lists(sessions)
    items = past.items.to_list()
    model = NextItems(items, learn(past, policy.kind, policy.params, rng))
    rivals = {name: NextItems(items, learn(past, kind, params, rng)) for name, (kind, params) in BASELINES.items()}
    counts = Counter(item for session in sessions for item in session)
    return FittedSessions(model, rivals, tuple(checks), dict(counts), len(sessions))
