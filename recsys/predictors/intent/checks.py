"""What the table of sessions must be like before a purchase intent is learned from it."""

from collections.abc import Sequence
from typing import Final

from recsys import columns as c
from recsys.events.quality.report import Check
from recsys.predictors.intent.sessions import Session
from recsys.predictors.table_checks import base_rate, fewest, mean_between, shares
from recsys.sites.predictor_policy import IntentChecks

KEY: Final = "predictors.intent.checks"


def intent_checks(sessions: Sequence[Session], policy: IntentChecks) -> list[Check]:
    """Every check of the policy, passed or not."""
    events = [event for session in sessions for event in session.events]
    missing = {
        c.ITEM_ID: sum(event.item_id is None for event in events),
        c.CATEGORY: sum(event.category is None for event in events),
        c.PRICE: sum(event.price is None for event in events),
        c.SESSION_ID: sum(event.session_id is None for event in events),
    }
    length = policy.events_per_session
    return [
        fewest("sessions", f"{KEY}.min_sessions", len(sessions), policy.min_sessions),
        mean_between(
            "events per session",
            f"{KEY}.events_per_session",
            len(events) / len(sessions) if sessions else None,
            length.min,
            length.max,
        ),
        base_rate(f"{KEY}.base_rate", sum(each.bought for each in sessions), len(sessions), policy.base_rate),
        *shares(
            "nulls",
            f"{KEY}.max_null_share",
            {column: count / max(len(events), 1) for column, count in missing.items()},
            policy.max_null_share,
        ),
    ]
