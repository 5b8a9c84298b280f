"""What a site predicts beside recommendations: whether a session buys, whether an impression is clicked."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from recsys.sites.table_policy import SessionBounds, Share
from recsys.types import Frozen

HeldShare = Annotated[float, Field(ge=0.05, le=0.5)]
Depth = Annotated[int, Field(ge=2, le=10)]


class RateBounds(Frozen):
    """Share of successes among what is learned from."""

    min: Share = 0.0005
    "Lowest share."
    max: Share = 0.95
    "Highest share."


class IntentChecks(Frozen):
    """What the table of sessions must be like; else nothing is trained."""

    min_sessions: PositiveInt = 200
    "Fewest sessions."
    events_per_session: SessionBounds = SessionBounds(min=1.0, max=100.0)
    "Mean events of a session, before its purchase."
    base_rate: RateBounds = RateBounds()
    "Share of the sessions that buy."
    max_null_share: dict[str, Share] = Field(default_factory=dict)
    "Largest share of events without a value, of item_id, category, price or session_id, as {price: 0.5}."


class IntentPolicy(Frozen):
    """How the model of purchase intent is trained."""

    cart_event: str = "cart"
    "The event type that puts an item in the cart."
    remove_event: str = "remove"
    "The event type that takes it out again; a site need not have it."
    pause_minutes: PositiveFloat = 30.0
    "Longest time without an event within a session."
    history_days: PositiveInt = 90
    "Sessions of this many days before as_of are learned from."
    sessions: PositiveInt = 50_000
    "Most sessions that are learned from, the latest."
    prefixes: PositiveInt = 100_000
    "Most beginnings of sessions that are learned from, drawn at random."
    held_share: HeldShare = 0.2
    "Share of the sessions, the latest, that say when to stop, and that the probabilities are calibrated on."
    iterations: PositiveInt = 400
    "Most trees."
    learning_rate: PositiveFloat = 0.06
    depth: Depth = 6
    calibrate: Literal["isotonic", "platt"] = "platt"
    "How scores become probabilities."
    seed: NonNegativeInt = 7
    checks: IntentChecks = IntentChecks()


class PredictorsPolicy(Frozen):
    """What is predicted; null: nothing."""

    intent: IntentPolicy | None = None
    "The probability that a session buys."
