"""A user's live session as training will see it: from a worker's memory, or from Postgres where that may lack some.

Memory gives what Postgres would: the same events in the same order, with what was told of their items before them.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final

import asyncpg

from recsys.serving.item_facts import Facts
from recsys.serving.predicting.session import SessionEvent, SessionRules, live_session
from recsys.serving.told import MOST_EVENTS, Told
from recsys.types import ItemId, SiteId, UserId

_LATEST: Final = 'ORDER BY told."timestamp" DESC, {name} DESC LIMIT 1'
_TOLD: Final = f"""
SELECT {{name}} FROM recsys.item_update AS told WHERE told.site = last.site AND told.item_id = last.item_id
    AND told."timestamp" <= last."timestamp" AND {{name}} IS NOT NULL {_LATEST}
"""
_LAST: Final = f"""
SELECT event_type, extract(epoch FROM "timestamp")::float8 AS moment, item_id,
    ({_TOLD.format(name='category COLLATE "C"')}) AS category, ({_TOLD.format(name="price")}) AS price, session_id
FROM (
    SELECT * FROM recsys.event WHERE site = $1 AND user_id = $2 AND "timestamp" <= $3
    ORDER BY "timestamp" DESC, event_id COLLATE "C" DESC LIMIT $4
) AS last ORDER BY "timestamp", event_id COLLATE "C"
"""
_LAST_TOLD: Final = f"""
SELECT {{name}} AS said, extract(epoch FROM "timestamp")::float8 AS since FROM recsys.item_update AS told
WHERE told.site = $1 AND told.item_id = asked.item_id AND {{name}} IS NOT NULL {_LATEST}
"""
_FACTS: Final = f"""
SELECT asked.item_id,
    category.said, coalesce(category.since, '-infinity'), price.said, coalesce(price.since, '-infinity')
FROM unnest($2::text[]) AS asked (item_id)
LEFT JOIN LATERAL ({_LAST_TOLD.format(name='category COLLATE "C"')}) AS category ON true
LEFT JOIN LATERAL ({_LAST_TOLD.format(name="price")}) AS price ON true
"""


async def session_of(
    database: asyncpg.Pool, site: SiteId, told: Told | None, user_id: UserId, rules: SessionRules, until: datetime
) -> list[SessionEvent]:
    """The user's session that is not over, oldest first; empty where there is none.

    Category and price are those that the web service was told of the item before the event; None: nothing was.

    Args:
        database: asked for what memory may lack.
        site: of the user.
        told: the memory of the site; None: there is none.
        user_id: of the user.
        rules: of the site.
        until: now.
    """
    found = None if told is None else await _remembered(database, site, told, user_id, rules, until)
    if found is not None:
        return found
    return _going_on(await last_events(database, site, user_id, until), rules, until)


async def last_events(database: asyncpg.Pool, site: SiteId, user_id: UserId, until: datetime) -> list[SessionEvent]:
    """The user's last events in Postgres, oldest first, in the order of training; of several sessions, perhaps.

    A session of more than ``MOST_EVENTS`` is looked at from there.
    """
    return [SessionEvent(*row) for row in await database.fetch(_LAST, site, user_id, until, MOST_EVENTS)]


async def last_facts(database: asyncpg.Pool, site: SiteId, item_ids: Collection[ItemId]) -> dict[ItemId, Facts]:
    """What was told last of each of the items."""
    return {item_id: Facts(*told) for item_id, *told in await database.fetch(_FACTS, site, list(item_ids))}


async def _remembered(
    database: asyncpg.Pool, site: SiteId, told: Told, user_id: UserId, rules: SessionRules, until: datetime
) -> list[SessionEvent] | None:
    """The same from memory, where only items not looked at lately are asked for; None: it may lack some of it."""
    surely_over = 2 * rules.pause_seconds
    last = told.last_events(user_id, until.timestamp(), surely_over)
    if last is None:
        return None
    session = _going_on(last, rules, until)
    items = {event.item_id or "" for event in session}
    facts = told.facts.of(items)
    if missing := items - facts.keys():
        retellings = told.facts.retellings
        read = await last_facts(database, site, missing)
        told.facts.learn(read, retellings)
        facts |= read
    known = [(event, facts[event.item_id or ""]) for event in session]
    if not all(item.held(event.timestamp or 0.0) for event, item in known):
        return None
    return [event.of_item(item.category, item.price) for event, item in known]


def _going_on(events: list[SessionEvent], rules: SessionRules, until: datetime) -> list[SessionEvent]:
    session = live_session(events, rules)
    if not session or until.timestamp() - (session[-1].timestamp or 0.0) > rules.pause_seconds:
        return []
    return session
