"""What the sessions must be like before next items are learned from them."""

from collections.abc import Sequence
from typing import Final

from recsys.events.quality.report import Check
from recsys.predictors.table_checks import fewest, mean_between
from recsys.sites.predictor_policy import SessionChecks
from recsys.types import ItemId

KEY: Final = "predictors.session.checks"


def session_checks(sessions: Sequence[Sequence[ItemId]], policy: SessionChecks) -> list[Check]:
    """Every check of the policy, passed or not."""
    length = policy.items_per_session
    mean = sum(map(len, sessions)) / len(sessions) if sessions else None
    items = len({item for session in sessions for item in session})
    return [
        fewest("sessions", f"{KEY}.min_sessions", len(sessions), policy.min_sessions),
        fewest("items", f"{KEY}.min_items", items, policy.min_items),
        mean_between("items per session", f"{KEY}.items_per_session", mean, length.min, length.max),
    ]
