"""What the web service was told: events in, read back for the event log, and forgotten on request."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg

from recsys.events.model import Interaction
from recsys.serving.contracts import Erased
from recsys.serving.postgres import Row, rows_in_utc, transaction
from recsys.serving.telling import NEWS
from recsys.types import EventId, SiteId, UserId

_COLUMNS: Final = 'event_id, user_id, item_id, event_type, "timestamp", value, session_id, request_id'

_INSERT: Final = f"""
WITH new AS (
    INSERT INTO recsys.event (site, {_COLUMNS})
    SELECT $1, * FROM unnest(
        $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::float8[], $8::text[], $9::text[]
    )
    ON CONFLICT (site, event_id) DO NOTHING RETURNING *
)
SELECT event_id, news, pg_notify('{NEWS}', news) FROM (
    SELECT event_id, json_build_object(
        'kind', 'event', 'site', site, 'event_id', event_id, 'user_id', user_id, 'item_id', item_id,
        'event_type', event_type, 'timestamp', extract(epoch FROM "timestamp"),
        'received_at', extract(epoch FROM received_at), 'session_id', session_id
    )::text AS news FROM new
) AS said
"""

_READ_EVENTS: Final = f"""
SELECT {_COLUMNS} FROM recsys.event
WHERE site = %s AND "timestamp" >= %s AND "timestamp" < %s ORDER BY "timestamp", event_id
"""

_COUNT_EVENTS: Final = """
SELECT date_trunc(%s, "timestamp"), count(*) FROM recsys.event
WHERE site = %s AND "timestamp" >= %s AND "timestamp" < %s GROUP BY 1
"""

_USER_EVENTS: Final = f"""
SELECT {_COLUMNS} FROM recsys.event
WHERE site = $1 AND user_id = $2 ORDER BY "timestamp" DESC, received_at DESC, event_id LIMIT $3
"""

_ERASE: Final = f"""
WITH noted AS (
    INSERT INTO recsys.erasure (site, user_id, erased_at) VALUES ($1, $2, $3)
    ON CONFLICT (site, user_id) DO UPDATE SET erased_at = EXCLUDED.erased_at
), events AS (
    DELETE FROM recsys.event WHERE site = $1 AND user_id = $2 RETURNING 1
), impressions AS (
    DELETE FROM recsys.impression WHERE site = $1 AND user_id = $2 RETURNING 1
), failures AS (
    DELETE FROM recsys.failed_answer WHERE site = $1 AND user_id = $2
), slates AS (
    DELETE FROM recsys.slate WHERE user_id = $2
        AND release_id IN (SELECT release_id FROM recsys.release WHERE site = $1 AND removed_at IS NULL) RETURNING 1
), ranked AS (
    DELETE FROM recsys.ranker_user WHERE user_id = $2
        AND release_id IN (SELECT release_id FROM recsys.release WHERE site = $1 AND removed_at IS NULL)
), told AS (
    SELECT json_build_object(
        'kind', 'forgotten', 'site', $1::text, 'user_id', $2::text, 'erased_at', extract(epoch FROM $3::timestamptz)
    )::text AS news
)
SELECT (SELECT count(*) FROM events) AS events, (SELECT count(*) FROM impressions) AS impressions,
       (SELECT count(*) FROM slates) AS slates, news, pg_notify('{NEWS}', news)
FROM told
"""


@dataclass(frozen=True)
class Recorded:
    """What became of the events of one call."""

    new: frozenset[EventId]
    "Those that were not known before."
    news: tuple[str, ...]
    "What every worker hears of them, as soon as they are durable."

    def __add__(self, other: "Recorded") -> "Recorded":
        return Recorded(self.new | other.new, (*self.news, *other.news))


async def record_events(
    database: asyncpg.Pool | asyncpg.Connection, site: SiteId, events: Sequence[Interaction]
) -> Recorded:
    """The events are durable afterwards; an event_id that the site knows, or that comes twice here, counts once.

    The first event of an id stays as it is. On a connection they are durable when its transaction is.
    """
    first: dict[EventId, Interaction] = {}
    for event in events:
        first.setdefault(event.event_id, event)
    ordered = [first[event_id] for event_id in sorted(first)]  # one order for all writers: no deadlocks
    values: list[list[Any]] = [
        [event.event_id for event in ordered],
        [event.user_id for event in ordered],
        [event.item_id for event in ordered],
        [event.event_type for event in ordered],
        [event.timestamp for event in ordered],
        [event.value for event in ordered],
        [event.session_id for event in ordered],
        [event.request_id for event in ordered],
    ]
    rows = await database.fetch(_INSERT, site, *values)
    return Recorded(frozenset(row["event_id"] for row in rows), tuple(row["news"] for row in rows))


async def user_events(pool: asyncpg.Pool, site: SiteId, user_id: UserId, limit: int) -> list[Interaction]:
    """The user's last events, newest first; an unknown user has none."""
    rows = await pool.fetch(_USER_EVENTS, site, user_id, limit)
    return [Interaction.model_construct(**dict(row)) for row in rows]


async def erase_user(pool: asyncpg.Pool, site: SiteId, user_id: UserId, at: datetime) -> tuple[Erased, tuple[str, ...]]:
    """Nothing of the user is left in the serving database, but the note that the user asked.

    The note keeps slates of releases computed before ``at`` from coming back, and tells the event log whom to drop.
    Returns rows deleted, and what every worker hears of it.
    """
    row = await pool.fetchrow(_ERASE, site, user_id, at)
    erased = Erased(user_id=user_id, events=row["events"], impressions=row["impressions"], slates=row["slates"])
    return erased, (row["news"],)


def read_events(dsn: str, site: SiteId, start: datetime, end: datetime) -> list[Row]:
    """Events that happened from ``start`` until ``end``, in order of time; columns of INTERACTIONS, times in UTC.

    Raises:
        StoreError: no Postgres.
    """
    return rows_in_utc(dsn, _READ_EVENTS, (site, start, end))


def count_events(dsn: str, site: SiteId, start: datetime, end: datetime, *, hourly: bool) -> dict[datetime, int]:
    """How many events happened in each UTC day, or hour, from ``start`` until ``end``; those without any are left out.

    Raises:
        StoreError: no Postgres.
    """
    with transaction(dsn) as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
        cursor.execute(_COUNT_EVENTS, ("hour" if hourly else "day", site, start, end))
        return {moment.astimezone(UTC): count for moment, count in cursor.fetchall()}


def erasures(dsn: str, site: SiteId) -> dict[UserId, datetime]:
    """Who asked to be forgotten, and when: the event log drops their events before that time."""
    with transaction(dsn) as cursor:
        cursor.execute("SELECT user_id, erased_at FROM recsys.erasure WHERE site = %s", (site,))
        return dict(cursor.fetchall())


def pending_erasures(dsn: str, site: SiteId) -> dict[UserId, datetime]:
    """Who asked to be forgotten, and when, and is still in the event log."""
    with transaction(dsn) as cursor:
        cursor.execute(
            "SELECT user_id, erased_at FROM recsys.erasure WHERE site = %s AND (met_at IS NULL OR met_at < erased_at)",
            (site,),
        )
        return dict(cursor.fetchall())


def erasure_met(dsn: str, site: SiteId, user_id: UserId, erased_at: datetime) -> None:
    """The event log met the request of this time."""
    with transaction(dsn) as cursor:
        cursor.execute(
            "UPDATE recsys.erasure SET met_at = %s WHERE site = %s AND user_id = %s", (erased_at, site, user_id)
        )
