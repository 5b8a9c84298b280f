"""What the web may see: the answer and its parts. Light: no frame library here."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from recsys.types import EventId, Frozen, ItemId, ReleaseId, RequestId, SiteId, UserId

Mode = Literal["blended", "offline", "online"]
State = Literal["building", "gated", "canary", "live", "retired", "refused", "failed"]


class RecommendedItem(Frozen):
    """One item shown, with where it came from and, where there is one, because of which items."""

    item_id: ItemId
    position: int
    "1 is first."
    score: float
    "Higher is better, among items of the same source; sources have different units."
    source: str
    "ranked, similar, popular, or catalogue; with the generator for ranked ones, e.g. ranked:als."
    because: tuple[ItemId, ...] = ()
    title: str | None = None
    category: str | None = None
    price: float | None = None
    "In the site's currency."


class Answer(Frozen):
    """The answer to one request for recommendations."""

    request_id: RequestId
    site: SiteId
    user_id: UserId | None
    release_id: ReleaseId | None
    arm: str
    items: tuple[RecommendedItem, ...]


class ReleaseSummary(Frozen):
    """One line of a site's release list."""

    release_id: ReleaseId
    site: SiteId
    state: State
    as_of: datetime
    created_at: datetime
    activated_at: datetime | None = None
    reason: str = ""
    "The gate's sentence."
    published: bool = False
    "Its rows are in Postgres, so it can be activated."


class LiveRelease(Frozen):
    """Which release answers for a site, since when, and where a roll back would go."""

    site: SiteId
    release_id: ReleaseId
    previous: ReleaseId | None
    activated_at: datetime


class ReleaseList(Frozen):
    """A site's releases, newest first."""

    site: SiteId
    live: LiveRelease | None
    releases: tuple[ReleaseSummary, ...]


class ItemFacts(Frozen):
    """What is known of an item."""

    item_id: ItemId
    title: str | None
    category: str | None
    price: float | None


class ItemList(Frozen):
    """Items of one release, for nobody in particular."""

    site: SiteId
    release_id: ReleaseId | None
    items: tuple[RecommendedItem, ...]


class EventsAccepted(Frozen):
    """What became of the events of one call; all of them are durable."""

    accepted: int
    duplicates: int
    "Their event_id was known already."
    event_ids: tuple[EventId, ...]
    "In the order sent, with those that were made here."


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
