"""A release read from its tables: one indexed query for each question."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import asyncpg

from recsys.serving.reading import Filters, Item, ReleaseKey, ScoredItems, Shelf, Slate
from recsys.types import ItemId, UserId

SEPARATOR: Final = "\x1f"
"Joins the ids of one ``because`` in ``recsys.slate``; no id holds it, because ids hold no control characters."
ALL_CATEGORIES: Final = ""

_SLATE_COLUMNS: Final = "item_ids, scores, sources, because, excluded, bought, seen"
_SLATE: Final = f"SELECT {_SLATE_COLUMNS} FROM recsys.slate WHERE release_id = $1 AND user_id = $2"
_SLATES: Final = (
    f"SELECT user_id, {_SLATE_COLUMNS} FROM recsys.slate WHERE release_id = $1 AND user_id = ANY($2::text[])"
)

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
AND ($5::float8 IS NULL OR item.price >= $5) AND ($6::float8 IS NULL OR item.price <= $6)
AND ($7::text[] IS NULL OR item.item_id = ANY($7))
"""

_CATALOGUE: Final = f"""
SELECT item_id, title, category, price FROM recsys.item AS item
WHERE release_id = $1 AND {_ON_SALE} AND item_id <> ALL($2::text[])
AND ($4::float8 IS NULL OR price >= $4) AND ($5::float8 IS NULL OR price <= $5)
AND ($6::text[] IS NULL OR item_id = ANY($6))
"""
_BY_POPULARITY: Final = "ORDER BY popularity_rank LIMIT $3"
_WHOLE_CATALOGUE: Final = f"{_CATALOGUE} {_BY_POPULARITY}"
_CATALOGUE_OF_CATEGORY: Final = f"{_CATALOGUE} AND category = $7 {_BY_POPULARITY}"
"""Two queries, so that each finds its index."""

_ITEMS: Final = """
SELECT item_id, title, category, price, available FROM recsys.item WHERE release_id = $1 AND item_id = ANY($2::text[])
"""

_USERS: Final = """
SELECT user_id FROM recsys.slate WHERE release_id = $1 ORDER BY user_id LIMIT $2
OFFSET (SELECT floor(random() * greatest(count(*) - $2 + 1, 1))::bigint FROM recsys.slate WHERE release_id = $1)
"""


class PostgresRelease:
    """A ``ReleaseReader`` on a pool of connections."""

    def __init__(self, pool: asyncpg.Pool, key: ReleaseKey) -> None:
        self._pool = pool
        self.key = key

    async def slate(self, user_id: UserId) -> Slate | None:
        row = await self._pool.fetchrow(_SLATE, self.key.release_id, user_id)
        return row and _slate(row)

    async def slates(self, user_ids: Collection[UserId]) -> dict[UserId, Slate]:
        rows = await self._pool.fetch(_SLATES, self.key.release_id, list(user_ids))
        return {row["user_id"]: _slate(row) for row in rows}

    async def shelf(self, *, similar_to: Sequence[ItemId], filters: Filters, slates: Sequence[Slate]) -> Shelf:
        named = list({item_id: None for slate in slates for item_id, *_ in slate.rows})
        category = filters.category or ALL_CATEGORIES
        rows = await self._pool.fetch(_SHELF, self.key.release_id, list(similar_to), category, named, *_asked(filters))
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
        return Shelf(similar, popular, items.get)

    async def catalogue(self, *, filters: Filters, without: Collection[ItemId], limit: int) -> list[Item]:
        values = (self.key.release_id, list(without), limit, *_asked(filters))
        if filters.category is None:
            rows = await self._pool.fetch(_WHOLE_CATALOGUE, *values)
        else:
            rows = await self._pool.fetch(_CATALOGUE_OF_CATEGORY, *values, filters.category)
        return [Item(*row) for row in rows]

    async def items(self, item_ids: Collection[ItemId]) -> dict[ItemId, Item]:
        rows = await self._pool.fetch(_ITEMS, self.key.release_id, list(item_ids))
        return {row["item_id"]: Item(*row) for row in rows}

    async def users(self, *, limit: int) -> list[UserId]:
        return [row["user_id"] for row in await self._pool.fetch(_USERS, self.key.release_id, limit)]


def _slate(row: Mapping[str, Any]) -> Slate:
    because = [tuple(ids.split(SEPARATOR)) if ids else () for ids in row["because"]]
    rows = list(zip(row["item_ids"], row["scores"], row["sources"], because, strict=True))
    return Slate(rows, frozenset(row["excluded"]), row["bought"], row["seen"])


def _asked(filters: Filters) -> tuple[float | None, float | None, list[ItemId] | None]:
    """Bounds of the price and the allow-list, as the queries take them."""
    return filters.min_price, filters.max_price, None if filters.only is None else list(filters.only)
