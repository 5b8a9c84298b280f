"""Whether a release that the gate accepted answers some users first, and what lets it go live."""

from typing import Annotated, Any

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, StringConstraints, model_validator

from recsys.sites.experiment import Arm, Experiment, Guardrail, Metric, OutcomeEvents
from recsys.sites.table_policy import Share
from recsys.types import Frozen, ReleaseId, SiteId

CONTROL, CHALLENGER = "live", "canary"
"""The two arms of a canary's experiment."""


class CanaryPolicy(Frozen):
    """A canary is an experiment between the live release and the accepted one; see Experiment for each key."""

    enabled: bool = False
    "False: an accepted release goes live at once, or when it is approved."
    metric: Metric = "ctr"
    "What decides."
    min_lift: Annotated[float, Field(gt=-1, lt=1)] = -0.05
    "The lift that must surely be exceeded, as a fraction; below 0: surely not much worse is enough."
    guardrails: tuple[Guardrail, ...] = ()
    "What must not become worse."
    ramp: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.01, 0.05, 0.25, 0.5)
    "Share of the users who get the canary, step by step."
    step_hours: PositiveInt = 12
    "Hours of each step."
    unproven_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    "The ramp stops at this share until the metric is surely not worse by unproven_harm; 1: it goes by time alone."
    unproven_harm: PositiveFloat = 0.1
    "The worsening that must be excluded first, as a fraction."
    min_hours: NonNegativeInt = 48
    "Hours before it may go live; it may be aborted at any time."
    max_hours: PositiveInt = 24 * 14
    "Hours after which what is undecided is put aside, and the live release stays."
    min_users: Annotated[int, Field(ge=50)] = 200
    "Users of each arm before anything is judged."
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    "Chance that a canary that is equal is judged otherwise, however often one looks."
    expected_lift: PositiveFloat = 0.05
    "The lift for which the test is sharpest, as a fraction."
    expected_harm: PositiveFloat = 0.2
    "The worsening for which aborts are quickest, as a fraction."
    window_hours: PositiveInt = 24
    "Hours after a slate in which an event that names no request may belong to it."
    events: OutcomeEvents = OutcomeEvents()
    "Which of the site's event types mean what."
    approval: bool = False
    "True: going live waits for a person."
    layer: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")] = "default"
    "Experiments of one layer share no users."
    holdout: Share = 0.0
    "Share of the users who take part in no experiment."

    @model_validator(mode="after")
    def _makes_an_experiment(self) -> "CanaryPolicy":
        self.experiment("site", "release")
        return self

    def experiment(self, site: SiteId, release_id: ReleaseId) -> Experiment:
        """The live release against this one, half of those who take part each; one name for each release."""
        chosen: dict[str, Any] = {name: getattr(self, name) for name in CanaryPolicy.model_fields if name != "enabled"}
        arms = (Arm(name=CONTROL, share=0.5), Arm(name=CHALLENGER, share=0.5, release_id=release_id))
        return Experiment(id=canary_id(release_id), site=site, arms=arms, **chosen)


def canary_id(release_id: ReleaseId) -> str:
    """The experiment of a release: ``canary-`` and the end of its id, in the letters that names are made of."""
    letters = "".join(letter if letter.isalnum() else "-" for letter in release_id.lower() if letter.isascii())
    return f"canary-{letters[-56:].strip('-')}"
