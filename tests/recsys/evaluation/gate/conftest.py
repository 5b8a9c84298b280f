"""Evidence of a release that nothing is wrong with."""

from datetime import date
from typing import Any

from recsys.evaluation.bootstrap import Interval
from recsys.evaluation.gate import Evidence
from recsys.evaluation.gate.evidence import (
    DataEvidence,
    Day,
    LiveEvidence,
    Separation,
    SlatesEvidence,
    TrainingEvidence,
)


def about(mean: float) -> Interval:
    return Interval(mean=mean, low=mean - 0.01, high=mean + 0.01)


def separation(training: float, evaluation: float) -> Separation:
    return Separation(training=about(training), evaluation=about(evaluation))


DATA = DataEvidence(
    newest_age_hours=2.0, days=(Day(day=date(2026, 3, 7), what="events", found=90, usual=100.0),), refused=()
)
TRAINING = TrainingEvidence(
    features={"als_score": separation(0.7, 0.72), "user_events": separation(0.5, 0.5)},
    generators=separation(0.75, 0.76),
    knows_later=(),
)
SLATES = SlatesEvidence(
    users=1000,
    short=10,
    missing_users=(),
    unavailable_share=0.0,
    unavailable_items=(),
    first_item="a",
    first_item_share=0.1,
    most_shown="a",
    most_shown_share=0.3,
    variety=50.0,
)
LIVE = LiveEvidence(release_id="r", users=1000, drift=0.3, variety=60.0, not_compared=None)
WHOLE = Evidence(data=DATA, training=TRAINING, slates=SLATES, candidate_recall=0.4, symmetry=0.6)


def evidence(**changed: Any) -> Evidence:
    """WHOLE with other parts; a mapping changes fields of a part."""
    parts = {"data": DATA, "training": TRAINING, "slates": SLATES, "live": LIVE}
    update = {
        name: parts[name].model_copy(update=value) if isinstance(value, dict) else value
        for name, value in changed.items()
    }
    return WHOLE.model_copy(update=update)
