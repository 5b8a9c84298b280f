"""What the web service was told of items: updates in, read back for the event log, heeded at once where it matters."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg

from recsys.events.model import ItemUpdate, as_json_object
from recsys.serving.feedback import Recorded
from recsys.serving.postgres import Row, rows_in_utc
from recsys.serving.telling import NEWS
from recsys.types import EventId, SiteId

_TOLD: Final = (
    'item_id, "timestamp", title, "text", category, price, available, image, language, published_at, attributes'
)

_INSERT: Final = f"""
WITH new AS (
    INSERT INTO recsys.item_update (site, event_id, {_TOLD})
    SELECT $1, * FROM unnest(
        $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::float8[], $9::boolean[],
        $10::text[], $11::text[], $12::timestamptz[], $13::text[]
    )
    ON CONFLICT (site, event_id) DO NOTHING RETURNING site, event_id, item_id, category, price, available, "timestamp"
), latest AS (
    INSERT INTO recsys.item_availability AS known (site, item_id, available, "timestamp")
    SELECT DISTINCT ON (item_id) $1, item_id, available, "timestamp" FROM new WHERE available IS NOT NULL
    ORDER BY item_id, "timestamp" DESC, available
    ON CONFLICT (site, item_id) DO UPDATE
    SET available = EXCLUDED.available, "timestamp" = EXCLUDED."timestamp", received_at = EXCLUDED.received_at
    WHERE EXCLUDED."timestamp" >= known."timestamp" RETURNING *
), said AS MATERIALIZED (
    SELECT json_build_object(
        'kind', 'item', 'site', site, 'item_id', item_id, 'available', available,
        'timestamp', extract(epoch FROM "timestamp"), 'received_at', extract(epoch FROM received_at)
    )::text AS news FROM latest
    UNION
    SELECT json_build_object('kind', 'facts', 'site', site, 'item_id', item_id)::text FROM new
    WHERE category IS NOT NULL OR price IS NOT NULL
), notified AS MATERIALIZED (
    SELECT news, pg_notify('{NEWS}', news) FROM said
)
SELECT ARRAY(SELECT event_id FROM new) AS new, ARRAY(SELECT news FROM notified) AS news
"""

_READ: Final = f"""
SELECT {_TOLD} FROM recsys.item_update
WHERE site = %s AND "timestamp" >= %s AND "timestamp" < %s ORDER BY "timestamp", event_id
"""


async def record_item_updates(
    database: asyncpg.Pool | asyncpg.Connection, site: SiteId, updates: Sequence[ItemUpdate]
) -> Recorded:
    """The updates are durable afterwards; an event_id that the site knows, or that comes twice here, counts once.

    The first update of an id stays as it is. An item whose latest update says that it is not available is in no answer
    from now on, until an update or a release that knows more says otherwise.
    """
    first: dict[EventId, ItemUpdate] = {}
    for update in updates:
        first.setdefault(update.event_id, update)
    ordered = [first[event_id] for event_id in sorted(first)]  # one order for all writers: no deadlocks
    values: list[list[Any]] = [
        [update.event_id for update in ordered],
        [update.item_id for update in ordered],
        [update.timestamp for update in ordered],
        [update.title for update in ordered],
        [update.text for update in ordered],
        [update.category for update in ordered],
        [update.price for update in ordered],
        [update.available for update in ordered],
        [update.image for update in ordered],
        [update.language for update in ordered],
        [update.published_at for update in ordered],
        [None if update.attributes is None else as_json_object(update.attributes) for update in ordered],
    ]
    row = await database.fetchrow(_INSERT, site, *values)
    return Recorded(frozenset(row["new"]), tuple(row["news"]))


def read_item_updates(dsn: str, site: SiteId, start: datetime, end: datetime) -> list[Row]:
    """What became known from ``start`` until ``end`` (exclusive), in order of time; columns of ITEM_UPDATES, in UTC.

    Raises:
        StoreError: no Postgres.
    """
    return rows_in_utc(dsn, _READ, (site, start, end))
