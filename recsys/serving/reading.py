"""What an answer needs, read in two round trips: first what is known of the user, then what the items need.

``ReleaseReader`` is what the web service asks for; ``PostgresReader`` answers from the tables. Light: no frame library.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

import asyncpg

from recsys.types import ItemId, ReleaseId, SiteId, UserId

SEPARATOR: Final = "\x1f"
"Joins the ids of one ``because`` in ``recsys.slate``; no id holds it, because ids hold no control characters."

ALL_CATEGORIES: Final = ""


@dataclass(frozen=True, slots=True)
class Slate:
    """What was computed offline for one user: four lists with one element per item, best first."""

    item_ids: Sequence[ItemId] = ()
    scores: Sequence[float] = ()
    sources: Sequence[str] = ()
    because: Sequence[tuple[ItemId, ...]] = ()
    excluded: frozenset[ItemId] = frozenset()


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """One of the user's last events."""

    item_id: ItemId
    event_type: str
    timestamp: datetime


@dataclass(frozen=True, slots=True)
class UserState:
    """What is known of a user when the answer is made."""

    release_id: ReleaseId | None
    "The live release; None before the first activation."
    slate: Slate | None
    "None for a user that the release does not know."
    events: Sequence[SeenEvent] = ()
    "Newest first."
    bought: frozenset[ItemId] = frozenset()


@dataclass(frozen=True, slots=True)
class Item:
    """An item of the catalogue, as it is shown."""

    item_id: ItemId
    title: str | None
    category: str | None
    price: float | None


@dataclass(frozen=True, slots=True)
class ScoredItems:
    """Items with their scores, best first."""

    item_ids: Sequence[ItemId] = ()
    scores: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Shelf:
    """What may be shown: neighbours, popular items, and those of them and of the items named that are available."""

    similar: Mapping[ItemId, ScoredItems] = field(default_factory=dict)
    popular: ScoredItems = ScoredItems()
    items: Mapping[ItemId, Item] = field(default_factory=dict)
    "Available items only, none that was taken off sale since; of the category only where one was asked for."


class ReleaseReader(Protocol):
    """Reads a release and what users did since. An unknown id is an empty answer, never an error."""

    async def user_state(
        self, site: SiteId, user_id: UserId | None, *, events: int, bought_by: str | None
    ) -> UserState:
        """The live release, the user's slate in it, the last ``events`` events, and the items bought.

        ``bought_by`` is the event type that means bought; None: nothing counts as bought.
        """
        ...

    async def shelf(
        self, release_id: ReleaseId, *, similar_to: Sequence[ItemId], category: str | None, named: Collection[ItemId]
    ) -> Shelf:
        """Neighbours of ``similar_to``, the popular items, and what is known of these and of ``named``."""
        ...

    async def catalogue(
        self, release_id: ReleaseId, *, category: str | None, without: Collection[ItemId], limit: int
    ) -> list[Item]:
        """Available items by popularity, at most ``limit``, none of ``without``; none taken off sale since."""
        ...

    async def items(self, release_id: ReleaseId, item_ids: Collection[ItemId]) -> dict[ItemId, Item]:
        """What is known of these items, available or not; unknown ones are absent."""
        ...

    async def known_users(self, release_id: ReleaseId, *, limit: int) -> list[UserId]:
        """Some users that have a slate, others at each call."""
        ...


_USER_STATE: Final = """
SELECT live.release_id, slate.item_ids, slate.scores, slate.sources, slate.because, slate.excluded,
       recent.item_ids AS recent_items, recent.event_types, recent.timestamps,
       ARRAY(SELECT DISTINCT item_id FROM recsys.event WHERE site = $1 AND user_id = $2 AND event_type = $4) AS bought
FROM (SELECT (
    SELECT release_id FROM recsys.live_release WHERE site = $1 AND surface = 'recommendations'
) AS release_id) AS live
LEFT JOIN recsys.slate AS slate ON slate.release_id = live.release_id AND slate.user_id = $2
CROSS JOIN (
    SELECT array_agg(item_id) AS item_ids, array_agg(event_type) AS event_types, array_agg("timestamp") AS timestamps
    FROM (
        SELECT item_id, event_type, "timestamp" FROM recsys.event WHERE site = $1 AND user_id = $2
        ORDER BY "timestamp" DESC, received_at DESC, event_id LIMIT $3
    ) AS newest_first
) AS recent
"""

_ON_SALE: Final = """
item.available AND NOT EXISTS (
    SELECT FROM recsys.item_availability AS told
    WHERE told.site = (SELECT site FROM recsys.release WHERE release_id = $1)
    AND told.item_id = item.item_id AND NOT told.available
    AND (told."timestamp" >= (SELECT as_of FROM recsys.release WHERE release_id = $1)
        OR told.received_at >= (SELECT created_at FROM recsys.release WHERE release_id = $1))
)
"""
"""Available when the release was computed, and not taken off sale since: what it could know, it knows better."""

_SHELF: Final = f"""
WITH near AS MATERIALIZED (
    SELECT item_id, item_ids, scores FROM recsys.similar WHERE release_id = $1 AND item_id = ANY($2::text[])
), top AS MATERIALIZED (
    SELECT item_ids, scores FROM recsys.popular WHERE release_id = $1 AND category = $3
), wanted AS (
    SELECT unnest($4::text[]) AS item_id UNION SELECT unnest(item_ids) FROM near UNION SELECT unnest(item_ids) FROM top
)
SELECT 'similar' AS kind, item_id, item_ids, scores, NULL AS title, NULL AS category, NULL::float8 AS price FROM near
UNION ALL SELECT 'popular', NULL, item_ids, scores, NULL, NULL, NULL FROM top
UNION ALL SELECT 'item', item.item_id, NULL, NULL, item.title, item.category, item.price
FROM wanted JOIN recsys.item AS item ON item.release_id = $1 AND item.item_id = wanted.item_id
WHERE {_ON_SALE} AND ($3 = '' OR item.category = $3)
"""

_CATALOGUE: Final = f"""
SELECT item_id, title, category, price FROM recsys.item AS item
WHERE release_id = $1 AND {_ON_SALE} AND item_id <> ALL($2::text[]) ORDER BY popularity_rank LIMIT $3
"""

_CATALOGUE_OF_CATEGORY: Final = f"""
SELECT item_id, title, category, price FROM recsys.item AS item
WHERE release_id = $1 AND {_ON_SALE} AND item_id <> ALL($2::text[]) AND category = $4
ORDER BY popularity_rank LIMIT $3
"""

_ITEMS: Final = """
SELECT item_id, title, category, price FROM recsys.item WHERE release_id = $1 AND item_id = ANY($2::text[])
"""

_KNOWN_USERS: Final = """
SELECT user_id FROM recsys.slate WHERE release_id = $1 ORDER BY user_id LIMIT $2
OFFSET (SELECT floor(random() * greatest(count(*) - $2 + 1, 1))::bigint FROM recsys.slate WHERE release_id = $1)
"""


class PostgresReader:
    """A ``ReleaseReader`` on a pool of connections."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def user_state(
        self, site: SiteId, user_id: UserId | None, *, events: int, bought_by: str | None
    ) -> UserState:
        row = await self._pool.fetchrow(_USER_STATE, site, user_id, events, bought_by)
        return UserState(row["release_id"], _slate(row), _events(row), frozenset(row["bought"]))

    async def shelf(
        self, release_id: ReleaseId, *, similar_to: Sequence[ItemId], category: str | None, named: Collection[ItemId]
    ) -> Shelf:
        rows = await self._pool.fetch(_SHELF, release_id, list(similar_to), category or ALL_CATEGORIES, list(named))
        similar: dict[ItemId, ScoredItems] = {}
        popular = ScoredItems()
        items: dict[ItemId, Item] = {}
        for kind, item_id, item_ids, scores, title, of_category, price in rows:
            if kind == "item":
                items[item_id] = Item(item_id, title, of_category, price)
            elif kind == "similar":
                similar[item_id] = ScoredItems(item_ids, scores)
            else:
                popular = ScoredItems(item_ids, scores)
        return Shelf(similar, popular, items)

    async def catalogue(
        self, release_id: ReleaseId, *, category: str | None, without: Collection[ItemId], limit: int
    ) -> list[Item]:
        if category is None:
            rows = await self._pool.fetch(_CATALOGUE, release_id, list(without), limit)
        else:
            rows = await self._pool.fetch(_CATALOGUE_OF_CATEGORY, release_id, list(without), limit, category)
        return [Item(*row) for row in rows]

    async def items(self, release_id: ReleaseId, item_ids: Collection[ItemId]) -> dict[ItemId, Item]:
        rows = await self._pool.fetch(_ITEMS, release_id, list(item_ids))
        return {row["item_id"]: Item(*row) for row in rows}

    async def known_users(self, release_id: ReleaseId, *, limit: int) -> list[UserId]:
        return [row["user_id"] for row in await self._pool.fetch(_KNOWN_USERS, release_id, limit)]


def _slate(row: Mapping[str, Any]) -> Slate | None:
    if row["item_ids"] is None:
        return None
    because = [tuple(ids.split(SEPARATOR)) if ids else () for ids in row["because"]]
    return Slate(row["item_ids"], row["scores"], row["sources"], because, frozenset(row["excluded"]))


def _events(row: Mapping[str, Any]) -> list[SeenEvent]:
    if row["recent_items"] is None:
        return []
    return [SeenEvent(*event) for event in zip(row["recent_items"], row["event_types"], row["timestamps"], strict=True)]
