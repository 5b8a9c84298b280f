"""What a site predicts: whether a session buys, whether an impression is clicked, what a session looks at next."""

import json
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from recsys.sites.table_policy import Share
from recsys.types import Frozen

HeldShare = Annotated[float, Field(ge=0.05, le=0.5)]
Depth = Annotated[int, Field(ge=2, le=10)]


class RateBounds(Frozen):
    """Share of successes among what is learned from."""

    min: Share = 0.0005
    "Lowest share."
    max: Share = 0.95
    "Highest share."


class LengthBounds(Frozen):
    """Mean events of a session, before its purchase."""

    min: NonNegativeFloat = 1.0
    "Lowest mean."
    max: NonNegativeFloat = 100.0
    "Highest mean."


class IntentChecks(Frozen):
    """What the table of sessions must be like; else nothing is trained."""

    min_sessions: PositiveInt = 200
    "Fewest sessions."
    events_per_session: LengthBounds = LengthBounds()
    base_rate: RateBounds = RateBounds()
    max_null_share: dict[str, Share] = Field(default_factory=dict)
    "Largest share of events without a value, of item_id, category, price or session_id, as {price: 0.5}."


class RecurrentPolicy(Frozen):
    """How a recurrent network is trained."""

    hidden_size: PositiveInt = 32
    "Numbers that it remembers of a session."
    epochs: PositiveInt = 30
    "Most times that every session is read."
    batch_size: PositiveInt = 32
    "Lanes of 64 events that are learned from at once."
    learning_rate: PositiveFloat = 0.003
    reg: NonNegativeFloat = 0.01
    "Decay of the weights, in units of the learning rate."


class IntentPolicy(Frozen):
    """How the model of purchase intent is trained."""

    model: Literal["trees", "recurrent"] = "trees"
    "CatBoost on features of the session so far, or a network that reads it event by event (the extra neural)."
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
    "Share of the sessions, the latest, that say when to stop, and how much the trees count."
    iterations: PositiveInt = 400
    "Most trees."
    learning_rate: PositiveFloat = 0.06
    depth: Depth = 4
    calibrate: Literal["isotonic", "platt"] | None = None
    "A curve from what was learned to probabilities, fitted on what is held back; null: none, log-loss has the scale."
    seed: NonNegativeInt = 7
    recurrent: RecurrentPolicy = RecurrentPolicy()
    checks: IntentChecks = IntentChecks()

    @property
    def tuned_part(self) -> str:
        """What a search over its parameters is called: those of the network are none of the trees."""
        return "intent.recurrent" if self.model == "recurrent" else "intent"


class CtrChecks(Frozen):
    """What the table of impressions must be like; else nothing is trained."""

    min_rows: PositiveInt = 1000
    "Fewest rows."
    min_clicks: PositiveInt = 200
    "Fewest clicks among them."
    base_rate: RateBounds = RateBounds()
    max_null_share: dict[str, Share] = Field(default_factory=dict)
    "Largest share of rows without a value, by column."
    max_unseen_share: dict[str, Share] = Field(default_factory=dict)
    "Largest share of the held-back rows whose value no earlier row has, by column."


class CtrPolicy(Frozen):
    """How the model of click probability is trained, and what it looks at."""

    path: str | None = None
    "Folder of a CSV file of rows with their label, in the order of time; null: the site's own impressions."
    file: str = "train.csv"
    "Name of that file."
    label: str = "click"
    "The column that says whether the row was clicked, 1 or 0."
    time: str | None = "timestamp"
    "The column that says when; it adds hour_of_day and day_of_week. null: none does."
    time_format: str | None = None
    "How that is written, as %y%m%d%H; null: ISO 8601, which the site's own impressions have."
    categories: tuple[str, ...] = ("item_id", "category", "position", "user_id")
    "Columns whose values each have a click rate and a frequency."
    numbers: tuple[str, ...] = ("position", "slate_size", "price", "hour_of_day", "day_of_week")
    "Columns that are read as numbers."
    counts: tuple[tuple[str, ...], ...] = (("user_id",), ("item_id",), ("user_id", "hour_of_day"))
    "Columns, each alone or several together, whose rows are counted."
    crosses: tuple[tuple[str, ...], ...] = (("item_id", "position"), ("category", "hour_of_day"))
    "Columns that together have a click rate, their texts hashed."
    buckets: PositiveInt = 16_384
    "How many buckets texts of crosses are hashed into."
    min_rows: PositiveInt = 2
    "A value with fewer rows is like one that was never seen."
    folds: Annotated[int, Field(ge=3, le=20)] = 5
    "Blocks of time: a row's rates and counts come from other blocks; the last is held back, and knows those before it."
    history_days: PositiveInt = 30
    "Impressions of this many days before as_of are learned from."
    label_hours: NonNegativeFloat = 24.0
    "Impressions younger than this at as_of are left out: they may still be clicked."
    rows: PositiveInt = 1_000_000
    "Most rows that are learned from, the latest."
    iterations: PositiveInt = 300
    "Most trees."
    learning_rate: PositiveFloat = 0.08
    depth: Depth = 4
    calibrate: Literal["isotonic", "platt"] | None = None
    "A curve from what was learned to probabilities, fitted on what is held back; null: none, log-loss has the scale."
    seed: NonNegativeInt = 7
    checks: CtrChecks = CtrChecks()

    @model_validator(mode="after")
    def _looks_at_something(self) -> "CtrPolicy":
        if not (self.categories or self.numbers or self.counts or self.crosses):
            raise ValueError(
                "predictors.ctr: found no column to look at, expected categories, numbers, counts or crosses"
            )
        empty = [key for key, sets in (("counts", self.counts), ("crosses", self.crosses)) if () in sets]
        if empty:
            raise ValueError(f"predictors.ctr.{empty[0]}: found an empty list, expected names of columns in it")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a raw row must have, each once."""
        derived = ("hour_of_day", "day_of_week") if self.time is not None else ()
        sets = (self.categories, self.numbers, *self.counts, *self.crosses)
        named = dict.fromkeys(name for names in sets for name in names if name not in derived)
        return (*named, *([self.time] if self.time is not None and self.time not in named else []))


class SessionChecks(Frozen):
    """What the table of sessions must be like before next items are learned; else nothing is trained."""

    min_sessions: PositiveInt = 200
    "Fewest sessions."
    min_items: PositiveInt = 20
    "Fewest items among them."
    items_per_session: LengthBounds = LengthBounds()
    "Mean items of a session."


class SessionPolicy(Frozen):
    """How the model of a session's next items is trained."""

    kind: str = "ranked"
    "What continues a session: ranked, mixture, neighbours, followers, vectors, attention or popular."
    params: dict[str, Any] = Field(default_factory=dict)
    "Of that kind."
    pause_minutes: PositiveFloat = 30.0
    "Longest time without an event within a session, where events name none."
    history_days: PositiveInt = 90
    "Sessions of this many days before as_of are learned from."
    sessions: PositiveInt = 200_000
    "Most sessions that are learned from, the latest."
    judged_prefixes: PositiveInt = 20_000
    "Most beginnings of later sessions that the model is judged on, drawn at random."
    seed: NonNegativeInt = 7
    checks: SessionChecks = SessionChecks()

    @property
    def tuned_part(self) -> str:
        """What a search over its params is called: those of one kind, or of other parts, are none of this one."""
        name = f"session.{self.kind}"
        if "parts" not in self.params:
            return name
        parts = json.dumps(self.params["parts"], sort_keys=True, default=str)
        return f"{name}.{sha256(parts.encode()).hexdigest()[:8]}"


class PredictorsPolicy(Frozen):
    """What is predicted; null: nothing."""

    intent: IntentPolicy | None = None
    "The probability that a session buys."
    ctr: CtrPolicy | None = None
    "The probability that an impression is clicked."
    session: SessionPolicy | None = None
    "The next items of an anonymous session."
