"""What a user did lately, with what was told of its items by then: a live session as training will see it."""

from datetime import datetime
from typing import Final

import asyncpg

from recsys.serving.predicting.session import SessionEvent
from recsys.types import SiteId, UserId

MOST_EVENTS: Final = 500
"""Of a user, the last ones; a session that is longer is looked at from there."""

_TOLD: Final = """
SELECT {name} FROM recsys.item_update AS told WHERE told.site = last.site AND told.item_id = last.item_id
    AND told."timestamp" <= last."timestamp" AND {name} IS NOT NULL ORDER BY told."timestamp" DESC LIMIT 1
"""
_LAST: Final = f"""
SELECT event_type, extract(epoch FROM "timestamp")::float8 AS moment, item_id,
    ({_TOLD.format(name="category")}) AS category, ({_TOLD.format(name="price")}) AS price, session_id
FROM (
    SELECT * FROM recsys.event WHERE site = $1 AND user_id = $2 AND "timestamp" <= $3
    ORDER BY "timestamp" DESC, event_id COLLATE "C" DESC LIMIT $4
) AS last ORDER BY "timestamp", event_id COLLATE "C"
"""


async def last_events(database: asyncpg.Pool, site: SiteId, user_id: UserId, until: datetime) -> list[SessionEvent]:
    """The user's last events, oldest first, in the order of training; of several sessions, perhaps.

    Category and price are those that the web service was told of the item before the event; None: nothing was.
    """
    return [SessionEvent(*row) for row in await database.fetch(_LAST, site, user_id, until, MOST_EVENTS)]
