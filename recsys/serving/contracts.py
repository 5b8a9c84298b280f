"""What the web may see: the answer and its parts. Light: no frame library here."""

from datetime import datetime
from typing import Literal

from recsys.types import Frozen, ItemId, ReleaseId, RequestId, SiteId, UserId

Mode = Literal["blended", "offline", "online"]


class RecommendedItem(Frozen):
    """One item shown, with where it came from and, where there is one, because of which items."""

    item_id: ItemId
    position: int
    "1 is first."
    score: float
    source: str
    "ranked, similar, or popular; with the generator for ranked ones, e.g. ranked:als."
    because: tuple[ItemId, ...] = ()
    title: str | None = None


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
    state: Literal["building", "gated", "canary", "live", "retired", "refused", "failed"]
    as_of: datetime
    created_at: datetime
    activated_at: datetime | None = None
    reason: str = ""
    "The gate's sentence."
