"""What an experiment is: one frozen object, read from YAML, the command line or the API.

Users take part or not, and belong to one arm, by ``recsys.serving.assignment``; what is measured is judged by
``recsys.evaluation.experiments``.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, StringConstraints, model_validator

from recsys.sites.blend_policy import BlendPolicy
from recsys.sites.table_policy import Share
from recsys.types import Frozen, ReleaseId, SiteId

SLOTS = 10_000
"""Parts that the users of a layer are divided into."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Metric = Literal["ctr", "examined_ctr", "conversion", "revenue", "add_to_cart", "dwell", "rating", "latency", "errors"]


class Arm(Frozen):
    """What some of the users are answered with."""

    name: Name
    share: Annotated[float, Field(gt=0, lt=1)]
    "Of those who take part."
    release_id: ReleaseId | None = None
    "None: whichever release is live."
    mode: Literal["blended", "offline", "online", "popular"] | None = None
    "None: as the request asks. popular: no personal recommendations, a control that everything must beat."
    blend: BlendPolicy | None = None
    "Weights by which blended answers are mixed, in the order of blending; None: the site's."

    @model_validator(mode="after")
    def _blend_is_used(self) -> Self:
        if self.blend is not None and self.mode not in (None, "blended"):
            raise ValueError(f"blend: found weights beside mode {self.mode!r}, expected mode blended, or none")
        return self


class Guardrail(Frozen):
    """What must not become worse, whatever is won elsewhere."""

    metric: Metric
    max_harm: Annotated[float, Field(ge=0)] = 0.0
    "Relative worsening that is tolerated, as a fraction; the experiment is aborted when it is surely exceeded."


class OutcomeEvents(Frozen):
    """Which of the site's event types mean what; an event of none of them is no outcome."""

    click: tuple[str, ...] = ("view", "click")
    cart: tuple[str, ...] = ("cart",)
    purchase: tuple[str, ...] = ("purchase",)
    dwell: tuple[str, ...] = ("dwell",)
    "Whose value is seconds."
    rating: tuple[str, ...] = ("rating",)
    "Whose value is the rating."


class Experiment(Frozen):
    """Arms, who sees them, and by what they are judged. The first arm is the control."""

    id: Name
    site: SiteId
    surface: Literal["recommendations", "session", "intent", "ctr"] = "recommendations"
    arms: tuple[Arm, ...] = Field(min_length=2, max_length=10)
    layer: Name = "default"
    "Experiments of different layers overlap, those of one layer must have different slots."
    slots: tuple[Annotated[int, Field(ge=0, le=SLOTS)], Annotated[int, Field(ge=0, le=SLOTS)]] = (0, SLOTS)
    "Part of the layer's users that this experiment may use: from the first slot to before the second, of 10,000."
    salt: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_/-]{0,100}$")] = ""
    "Another salt is another draw of the users; empty: site/id."
    ramp: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.01, 0.05, 0.25, 0.5)
    "Share of the site's users who get something other than the control, step by step."
    step_hours: PositiveInt = 24
    "How long each step lasts."
    unproven_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    "The ramp stops at this share until the metric is surely not worse by unproven_harm; 1: it goes by time alone."
    unproven_harm: PositiveFloat = 0.1
    "The worsening that must be excluded first, as a fraction."
    holdout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    "Share of the users who take part in no experiment: the same users for all experiments of the site."
    metric: Metric = "ctr"
    "What decides."
    min_lift: float = 0.0
    "The lift that a promotion must surely exceed, as a fraction."
    expected_lift: PositiveFloat = 0.05
    "The lift for which the test is sharpest; others are found too, somewhat later."
    expected_harm: PositiveFloat = 0.2
    "The worsening for which aborts are quickest, as a fraction."
    guardrails: tuple[Guardrail, ...] = ()
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    "Chance that arms which are equal end in a promotion or an abort, however often one looks."
    min_hours: NonNegativeInt = 24 * 7
    "Nothing is promoted earlier; an abort may come at any time."
    max_hours: PositiveInt = 24 * 28
    "What is undecided then is inconclusive."
    min_users: Annotated[int, Field(ge=50)] = 200
    "Users of each arm before anything is judged."
    window_hours: PositiveInt = 24
    "How long after a slate an event that names no request may still belong to it."
    events: OutcomeEvents = OutcomeEvents()
    approval: bool = False
    "True: a promotion waits for a person."

    @model_validator(mode="after")
    def _can_be_run(self) -> Self:
        names = [arm.name for arm in self.arms]
        if len(set(names)) != len(names):
            raise ValueError(f"arms: found {names}, expected each name once")
        if abs(sum(arm.share for arm in self.arms) - 1) > 1e-9:
            raise ValueError(f"arms: found shares that sum to {sum(arm.share for arm in self.arms):g}, expected 1")
        if not self.ramp or list(self.ramp) != sorted(set(self.ramp)):
            raise ValueError(f"ramp: found {self.ramp}, expected at least one share, each larger than the one before")
        if self.slots[0] >= self.slots[1]:
            raise ValueError(f"slots: found {self.slots}, expected the first to be less than the second")
        if self.ramp[-1] > self.reach + 1e-9:
            raise ValueError(
                f"ramp: found {self.ramp[-1]:g}, expected at most {self.reach:g}: slots, holdout and the control's "
                "share leave no more users"
            )
        if self.unproven_share < self.ramp[0]:
            raise ValueError(
                f"unproven_share: found {self.unproven_share:g}, expected at least the first step of the ramp, "
                f"{self.ramp[0]:g}"
            )
        if self.min_hours > self.max_hours:
            raise ValueError(f"min_hours: found {self.min_hours}, expected at most max_hours, {self.max_hours}")
        guarded = [guardrail.metric for guardrail in self.guardrails]
        if len({*guarded, self.metric}) != len(guarded) + 1:
            raise ValueError(f"guardrails: found {guarded}, expected each once, and not the metric that decides")
        return self

    @property
    def control(self) -> Arm:
        return self.arms[0]

    @property
    def challengers(self) -> tuple[Arm, ...]:
        return self.arms[1:]

    @property
    def reach(self) -> Share:
        """Share of the site's users who can get something other than the control."""
        return (1 - self.control.share) * (self.slots[1] - self.slots[0]) / SLOTS * (1 - self.holdout)

    def label(self, arm: str) -> str:
        """What an impression's ``arm`` says of this experiment; labels of several experiments stand side by side."""
        return f"{self.id}/{arm}"

    def ramp_at(self, hours: float, *, proven: bool = True) -> float:
        """The step of the ramp so many hours after the start; ``proven``: whether the harm is excluded."""
        steps = self.ramp if proven else [step for step in self.ramp if step <= self.unproven_share]
        return steps[min(int(hours // self.step_hours), len(steps) - 1)]


def overlapping(experiment: Experiment, running: tuple[Experiment, ...]) -> tuple[Experiment, ...]:
    """Those that run in the same layer and could claim the same users: with one of them it must not start."""
    return tuple(
        other
        for other in running
        if (other.site, other.layer) == (experiment.site, experiment.layer)
        and other.id != experiment.id
        and other.slots[0] < experiment.slots[1]
        and experiment.slots[0] < other.slots[1]
    )
