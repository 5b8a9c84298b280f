"""What the web may see: the answer and its parts. Light: no frame library here."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from recsys.types import EventId, Frozen, ItemId, ReleaseId, RequestId, SiteId, UserId

Mode = Literal["blended", "offline", "online"]
State = Literal["building", "gated", "canary", "live", "retired", "refused", "failed"]
Surface = Literal["recommendations", "session", "intent", "ctr"]
"""What is answered; a site has one live release for each."""
RECOMMENDATIONS: Final = "recommendations"


class RecommendedItem(TypedDict):
    """One item shown, with where it came from and, where there is one, because of which items.

    A plain dict, as are those below that hold it: thousands are made and written each second.
    """

    item_id: ItemId
    position: Annotated[int, Field(description="1 is first.")]
    score: Annotated[
        float, Field(description="Higher is better, among items of the same source; sources have different units.")
    ]
    source: Annotated[
        str,
        Field(
            description="ranked, similar, popular, or catalogue; with the generator for ranked: ranked:als. "
            "In a session also the kind of its model: session_neighbours."
        ),
    ]
    because: Sequence[ItemId]
    title: str | None
    category: str | None
    price: Annotated[float | None, Field(description="In the site's currency.")]


class Answer(TypedDict):
    """The answer to one request for recommendations."""

    request_id: RequestId
    site: SiteId
    user_id: UserId | None
    release_id: ReleaseId
    arm: str
    items: list[RecommendedItem]
    model_version: NotRequired[
        Annotated[str, Field(description="Of the model that was asked how the session goes on; absent elsewhere.")]
    ]


class AnswerBatch(TypedDict):
    """The answers for many users."""

    request_id: RequestId
    site: SiteId
    answers: Annotated[list[Answer], Field(description="In the order of the user_ids; each with its own request_id.")]


class ReleaseSummary(Frozen):
    """One line of a site's release list."""

    release_id: ReleaseId
    site: SiteId
    state: State
    as_of: datetime
    created_at: datetime
    activated_at: datetime | None = None
    reason: str = ""
    "The gate's sentence, or why it failed, or why it waits."
    published: bool = False
    "Its rows are in Postgres, so it can be activated."
    surface: Surface = RECOMMENDATIONS
    removed_at: datetime | None = None
    "When its rows, files and models were taken away; None: they are kept."


class LiveRelease(Frozen):
    """Which release answers for a site, since when, and where a roll back would go."""

    site: SiteId
    release_id: ReleaseId
    previous: ReleaseId | None
    activated_at: datetime
    surface: Surface = RECOMMENDATIONS


class ReleaseChange(Frozen):
    """One line of the audit of a site's releases."""

    site: SiteId
    release_id: ReleaseId
    changed_at: datetime
    changed_by: str
    "A key of the web service, a user of the machine, a DAG run, or a stage."
    action: str
    "record, fail, publish, canary, activate, rollback, decline, retire or remove."
    state_then: State | None
    "None: the release was not known before."
    state_after: State
    reason: str = ""


class Changed(Frozen):
    """One fact of two releases: what it was in the other, and what it is in this; None: it has no such fact."""

    other: Any
    this: Any


class SlateOverlap(Frozen):
    """How alike the slates of two releases are, over users that both know."""

    users: int
    "How many were compared; a sample that is the same at every call."
    first_10: float
    "Mean share of this release's first ten items that stand among the other's first ten; in [0, 1]."
    same_first: float
    "Share of users whose first item is the same; in [0, 1]."


class ReleaseDifference(Frozen):
    """What is different between two releases of a site; what is equal is left out."""

    site: SiteId
    release_id: ReleaseId
    other: ReleaseId
    configuration: dict[str, Changed]
    "The site's configuration, code, libraries, seed and features, by dotted name."
    data: dict[str, Changed]
    "What was read: as_of, partitions and their hash."
    files: dict[str, Changed]
    "sha256 by file."
    metrics: dict[str, Changed]
    "Of the report, by contestant and name. Windows may differ: see data.as_of."
    overlap: SlateOverlap | None
    "None where one of the two has no rows in Postgres."


class ReleaseChanges(Frozen):
    """The audit of a site's releases, newest first."""

    site: SiteId
    changes: tuple[ReleaseChange, ...]


class ReleaseList(Frozen):
    """A site's releases, newest first."""

    site: SiteId
    live: LiveRelease | None
    "What answers recommendations."
    releases: tuple[ReleaseSummary, ...]
    pointers: tuple[LiveRelease, ...] = ()
    "What is live, one for each surface that has something live."


class ItemFacts(Frozen):
    """What is known of an item."""

    item_id: ItemId
    title: str | None
    category: str | None
    price: float | None


class ItemList(TypedDict):
    """Items of one release, for nobody in particular."""

    request_id: RequestId
    site: SiteId
    release_id: ReleaseId
    items: list[RecommendedItem]


class EventsAccepted(Frozen):
    """What became of the events of one call; all of them are durable."""

    accepted: int
    duplicates: int
    "Their event_id was known already."
    event_ids: tuple[EventId, ...]
    "In the order sent, with those that were made here."


class IntentPrediction(Frozen):
    """How likely a session is to buy."""

    purchase_probability: float = Field(ge=0, le=1)
    model_version: str


class ClickPrediction(Frozen):
    """How likely one impression is to be clicked."""

    click_probability: float = Field(ge=0, le=1)


class ClickPredictions(Frozen):
    """One prediction for each row of the request, in its order."""

    predictions: tuple[ClickPrediction, ...]
    model_version: str


class Erased(Frozen):
    """Rows deleted of one user."""

    user_id: UserId
    events: int
    impressions: int
    slates: int


class SiteSummary(Frozen):
    """A site that is served here."""

    site: SiteId
    title: str = ""
    event_types: tuple[str, ...] = ()
    purchase_event: str = ""
    exclude_bought: bool = False
    fault: str | None = None
    "Why its YAML cannot be read; None: it can."


class Readiness(Frozen):
    """Whether the service can answer, and what it found when it looked."""

    ready: bool
    postgres: bool = False
    migrated: bool = False
    live_releases: dict[SiteId, ReleaseId | None] = Field(default_factory=dict)
    "Every site; None while it has no live release."
    detail: str = ""
