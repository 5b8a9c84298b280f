"""What a site is: one frozen object, read from one YAML file.

Every field has its unit under it. A component (source, generator, ranker) is named here by ``kind`` and ``params``; the
folder that owns the component checks the params, so this module stays light enough for the web process.
"""

import re
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
    model_validator,
)

from recsys.sites.blend_policy import BlendPolicy
from recsys.sites.canary_policy import CanaryPolicy
from recsys.sites.drift_policy import DriftPolicy
from recsys.sites.experiment import Experiment, overlapping
from recsys.sites.gate_policy import GatePolicy
from recsys.sites.online_ranking_policy import OnlineRankingPolicy
from recsys.sites.predictor_policy import PredictorsPolicy
from recsys.sites.ranker_policy import RankerPolicy
from recsys.sites.reranking_policy import RerankingPolicy
from recsys.sites.table_policy import Share, TablePolicy
from recsys.sites.tuned_predictors import tuned_predictors
from recsys.sites.tuning_policy import TuningPolicy
from recsys.types import Frozen


def _as_iso_day(day: object) -> str:
    """YAML reads an unquoted day as a date, a quoted one as text; both are meant."""
    try:
        return date.fromisoformat(str(day)).isoformat()
    except ValueError:
        raise ValueError(f"found {day!r}, expected a day such as 2026-01-31") from None


def _as_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as fault:
        raise ValueError(f"found {pattern!r}, expected a regular expression: {fault}") from None
    return pattern


SiteName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
IsoDay = Annotated[str, BeforeValidator(_as_iso_day)]
IngestCron = Annotated[str, StringConstraints(pattern=r"^[0-5]?\d ([01]?\d|2[0-3]|\*) \* \* \*$")]
PredictorsCron = Annotated[str, StringConstraints(pattern=r"^[0-5]?\d ([01]?\d|2[0-3]|\*) \* \* ([0-6]|\*)$")]


class ComponentSpec(Frozen):
    """One exchangeable part: which kind, with which parameters."""

    kind: str
    params: dict[str, Any] = Field(default_factory=dict)


class InteractionType(Frozen):
    """One thing a user can do to an item."""

    name: str
    weight: PositiveFloat = 1.0
    "How much one such event says about taste, relative to a view of 1.0; dimensionless."
    gain: NonNegativeInt = 1
    "How good it is for a recommendation to be followed by this event: the ranker's label; 0 is no success."


class SchedulePolicy(Frozen):
    """When Airflow works for this site; all times UTC."""

    partition: Literal["day", "hour"] = "day"
    "What a partition of the event log is. Hours are for sources whose files come by the hour."
    ingest_cron: IngestCron = "0 1 * * *"
    "Ingests the UTC day before; with partition: hour, the hour before, as 10 * * * *."
    catchup_from: date | None = None
    "First UTC day that Airflow ingests by itself, a run for each day since; null: it begins with yesterday."
    train_every_hours: Annotated[int, Field(ge=1, le=24)] = 2
    "Hours between two trainings; a run over unchanged data ends early."
    train_minute: Annotated[int, Field(ge=0, le=59)] | None = None
    "Minute of the hour; null gives each site its own, so that sites do not collide."
    predictors_cron: PredictorsCron | None = None
    "Trains predictors, once an hour, a day or a week (0 is Sunday), as 30 3 * * 0; null: after each of the ranker's."

    @model_validator(mode="after")
    def _ingests_once_per_partition(self) -> "SchedulePolicy":
        every_hour = self.ingest_cron.split()[1] == "*"
        if every_hour != (self.partition == "hour"):
            expected = "10 * * * *" if self.partition == "hour" else "0 1 * * *"
            raise ValueError(
                f"schedule.ingest_cron: found {self.ingest_cron!r} with partition: {self.partition}, "
                f"expected once a {self.partition}, as {expected!r}"
            )
        return self

    @property
    def hourly(self) -> bool:
        return self.partition == "hour"


class QualityPolicy(Frozen):
    """When a day of events is not good enough to be committed."""

    max_bad_share: Share = 0.2
    "Largest share of rows in quarantine, per partition."
    expected_reasons: tuple[str, ...] = ()
    "Reasons for the quarantine that are normal for this source; such rows are set aside, but do not count as bad."
    same_content_is_duplicate: bool = False
    "True: a row with the user, item, type and time of another is a duplicate, whatever its event_id."
    late_days: Annotated[int, Field(ge=0, le=60)] = 3
    "Days that a run looks back for events that came late; a day that has some is written again."
    allow_empty_days: bool = True
    "False: a day without any row is refused."
    earliest: IsoDay = "1995-01-01"
    "Events before this UTC day are absurd and set aside."
    latest: IsoDay = "2101-01-01"
    "Events on or after this UTC day are absurd and set aside."
    line_pattern: Annotated[str, AfterValidator(_as_pattern)] | None = None
    "Regular expression that every line of a text source must match somewhere; other lines are set aside. null: any."
    table: TablePolicy = TablePolicy()
    "Checks of the partition as a whole."


class CataloguePolicy(Frozen):
    """Where metadata of items come from, beside the source and what the web service is told."""

    fetch: ComponentSpec | None = None
    "The site's content API; it is asked for items that were seen and are not known. null: nobody is asked."


class WindowPolicy(Frozen):
    """How the log is cut in time for training and judging; days before ``as_of``."""

    history_days: PositiveInt = 365
    "Generators are fitted on at most this many days."
    label_days: PositiveInt = 14
    "The ranker's labels come from this many days, before the evaluation window."
    label_windows: PositiveInt = 4
    "How many label windows the ranker learns from, one before the other."
    evaluation_days: PositiveInt = 7
    "The last days before as_of; never seen in training."


class ServingPolicy(Frozen):
    """What the web service may and must show."""

    exclude_bought: bool = True
    "True: an item that the user bought is never recommended again."
    purchase_event: str = "purchase"
    "The event type that means bought."
    repeats: Literal["block", "decay", "favour", "learned"] | None = None
    """What becomes of items that the user knows and may be shown: never again, the less the fresher, the more the
    fresher, or as users come back to them. null: as the ranker thinks."""
    repeats_half_life_days: PositiveFloat = 30.0
    "For decay and favour: after so many days half of the effect is left."
    session_repeats: bool = False
    "True: an item of the session itself may come next in it."
    online_events: PositiveInt = 5
    "How many of the user's last events the online part looks at."
    online_half_life_minutes: PositiveFloat = 30.0
    "An event this much older than the newest counts half."
    blend: BlendPolicy = BlendPolicy()
    "In what proportion the parts of an answer are mixed."
    slate_size: Annotated[int, Field(ge=10, le=500)] = 100
    "Ranked items kept per user."
    similar_size: Annotated[int, Field(ge=5, le=200)] = 50
    "Similar items kept per item."
    online_ranking: OnlineRankingPolicy = OnlineRankingPolicy()


class RetentionPolicy(Frozen):
    """What maintain_storage keeps; the live release, the one before it and canaries are always kept."""

    keep_releases: Annotated[int, Field(ge=2)] = 5
    "Newest releases kept of those that can be served; and as many of those that cannot: refused, failed."
    keep_days: PositiveInt = 90
    "A release older than this many days is not kept, whatever their number."


class ApprovalPolicy(Frozen):
    """Whether a release that passed the gate waits for a person before it goes live."""

    required: bool = False
    "True: Airflow asks, with the report linked, and the release goes live when someone approves it."
    timeout_hours: Annotated[int, Field(ge=1, le=168)] = 24
    "No answer within so many hours is a no: the release stays gated."


class SiteConfig(Frozen):
    """One site (tenant): where its events come from, what they mean, how it is trained, judged and served."""

    site: SiteName
    title: str = ""
    source: ComponentSpec
    interactions: tuple[InteractionType, ...] = Field(min_length=1)
    schedule: SchedulePolicy = SchedulePolicy()
    quality: QualityPolicy = QualityPolicy()
    catalogue: CataloguePolicy = CataloguePolicy()
    windows: WindowPolicy = WindowPolicy()
    candidates: tuple[ComponentSpec, ...] = (
        ComponentSpec(kind="popularity"),
        ComponentSpec(kind="als"),
        ComponentSpec(kind="ease"),
        ComponentSpec(kind="item_item"),
    )
    candidates_on_trial: tuple[ComponentSpec, ...] = (
        ComponentSpec(kind="covisitation"),
        ComponentSpec(kind="session_knn"),
    )
    "Generators that help some sites and harm others: tuning finds out whether they are taken, all or none."
    candidates_per_source: Annotated[int, Field(ge=20, le=1000)] = 150
    "How many items each generator may propose per user; it is heard on three times as many."
    ranker: RankerPolicy = RankerPolicy()
    reranking: RerankingPolicy = RerankingPolicy()
    gate: GatePolicy = GatePolicy()
    drift: DriftPolicy = DriftPolicy()
    serving: ServingPolicy = ServingPolicy()
    approval: ApprovalPolicy = ApprovalPolicy()
    canary: CanaryPolicy = CanaryPolicy()
    experiments: tuple[Experiment, ...] = ()
    "Started by Airflow, each once; others are started by command or over HTTP."
    retention: RetentionPolicy = RetentionPolicy()
    tuning: TuningPolicy = TuningPolicy()
    predictors: PredictorsPolicy = PredictorsPolicy()

    @model_validator(mode="before")
    @classmethod
    def _experiments_are_of_this_site(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or not isinstance(data.get("experiments"), list):
            return data
        of_here = [
            {"site": data.get("site"), **each} if isinstance(each, Mapping) else each for each in data["experiments"]
        ]
        return {**data, "experiments": of_here}

    @model_validator(mode="after")
    def _experiments_share_no_users(self) -> "SiteConfig":
        canaries = (self.canary.experiment(self.site, "any"),) if self.canary.enabled else ()
        for position, experiment in enumerate(self.experiments):
            if experiment.site != self.site:
                raise ValueError(f"experiments[{position}].site: found {experiment.site!r}, expected {self.site!r}")
            if others := overlapping(experiment, (*canaries, *self.experiments)):
                raise ValueError(
                    f"experiments[{position}]: found {experiment.id!r} in layer {experiment.layer!r} with slots "
                    f"{experiment.slots}, which {others[0].id!r} has too; expected another layer or other slots"
                )
        return self

    @model_validator(mode="after")
    def _names_are_unique_and_known(self) -> "SiteConfig":
        names = [interaction.name for interaction in self.interactions]
        if len(set(names)) != len(names):
            raise ValueError(f"interactions: found {names}, expected each name once")
        if self.serving.exclude_bought and self.serving.purchase_event not in names:
            raise ValueError(
                f"serving.purchase_event: found {self.serving.purchase_event!r}, expected one of {names}; "
                "name the event that means bought, or set serving.exclude_bought: false"
            )
        return self

    @model_validator(mode="after")
    def _what_is_predicted_can_happen(self) -> "SiteConfig":
        if self.predictors.intent is not None and self.serving.purchase_event not in self.event_types:
            raise ValueError(
                f"predictors.intent: found serving.purchase_event {self.serving.purchase_event!r}, expected one of "
                f"{list(self.event_types)}; name the event that means bought"
            )
        return self

    @model_validator(mode="after")
    def _one_hand_arranges(self) -> "SiteConfig":
        if self.serving.online_ranking.enabled and (
            self.reranking.is_on or self.serving.repeats not in (None, "block")
        ):
            raise ValueError(
                "serving.online_ranking.enabled: found true beside reranking, or serving.repeats other than block, "
                "which rearrange what the ranker ordered and are not made again at request time; choose one of them"
            )
        return self

    @model_validator(mode="after")
    def _strangers_have_an_answer(self) -> "SiteConfig":
        if not self.proposes("popularity"):
            raise ValueError(
                f"candidates: found {[spec.kind for spec in self.candidates]}, expected popularity among them; "
                "it is what strangers get and what the gate compares with"
            )
        return self

    @property
    def event_types(self) -> tuple[str, ...]:
        return tuple(interaction.name for interaction in self.interactions)

    @cached_property
    def weights(self) -> dict[str, float]:
        """How much an event of each type says, by type; asked for with every answer."""
        return {interaction.name: interaction.weight for interaction in self.interactions}

    @property
    def on_trial(self) -> tuple[ComponentSpec, ...]:
        """Those of ``candidates_on_trial`` whose kind is not among the site's candidates anyway."""
        return tuple(spec for spec in self.candidates_on_trial if not self.proposes(spec.kind))

    def tuned(self, winner: Mapping[str, Mapping[str, Any]]) -> "SiteConfig":
        """The same site with other parameters, by kind of generator, ``ranker`` or predictor; others are left out.

        Of the part ``candidates``, ``on_trial`` adds the generators on trial.
        """
        taken = self.on_trial if winner.get("candidates", {}).get("on_trial") else ()
        candidates = tuple(
            spec.model_copy(update={"params": {**spec.params, **winner.get(spec.kind, {})}})
            for spec in (*self.candidates, *taken)
        )
        ranker = RankerPolicy.model_validate({**self.ranker.model_dump(), **winner.get("ranker", {})})
        predictors = tuned_predictors(self.predictors, winner)
        return self.model_copy(update={"candidates": candidates, "ranker": ranker, "predictors": predictors})

    def proposes(self, kind: str) -> bool:
        """Whether a generator of this kind is among the site's candidates."""
        return any(spec.kind == kind for spec in self.candidates)
