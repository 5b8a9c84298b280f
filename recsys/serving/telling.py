"""Brings what a site was told from Postgres into the memory of a web worker: all of it at first, then what is new.

News go through one NOTIFY channel, one message for each event, written in the transaction that stores it; so a worker
hears of exactly what is durable, and hears it within milliseconds, whichever worker of whichever host took it in.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg

from recsys.events.model import Interaction, ItemUpdate
from recsys.serving.reading import ReleaseKey
from recsys.serving.seen_events import SeenEvent
from recsys.serving.told import LOOK_BACK, MOST_EVENTS, MOST_KEPT, Activity, OffSale, Told
from recsys.sites.experiment import Experiment
from recsys.types import ItemId, SiteId, UserId

Running = tuple[Experiment, float]
"""An experiment that runs, and the share of users who get something other than its control."""
NEWS: Final = "recsys_news"
"""Postgres NOTIFY channel. The payload is a JSON object: ``kind``, ``site`` and what ``heed`` reads.

An event that does not tell its ``session_id`` waits on a disk, or is of an earlier version of this service.
``{"kind": "changed", "site": …}`` is for those who change the tables by hand: every worker reads the site again."""
AT_ONCE: Final = 20
"""Users whose events are put into memory before requests have their turn: some milliseconds."""
PATIENCE: Final = 60.0
"""Seconds that Postgres has to count a site's events, and to put them into order."""
_WANTED: Final = """
SELECT site, release_id, as_of, created_at FROM recsys.release
WHERE published AND surface = $1 AND (state IN ('gated', 'canary', 'live')
    OR release_id IN (SELECT previous FROM recsys.live_release WHERE surface = $1))
"""

_LIVE: Final = """
SELECT live.site, live.release_id, as_of, created_at FROM recsys.live_release AS live
JOIN recsys.release USING (release_id) WHERE live.surface = $1
"""
_RUNNING: Final = """
SELECT definition, ramp FROM recsys.experiment WHERE state = 'running' ORDER BY site, started_at, experiment_id
"""
_HAS_ROWS: Final = "SELECT EXISTS (SELECT FROM recsys.item WHERE release_id = $1)"
_HOW_MANY: Final = """
SELECT (
    SELECT count(*) FROM (SELECT FROM recsys.event WHERE site = $1 AND "timestamp" >= $2 LIMIT $4) AS happened
) + (
    SELECT count(*) FROM (
        SELECT FROM recsys.event WHERE site = $1 AND received_at >= $3 AND "timestamp" < $2 LIMIT $4
    ) AS came
)
"""
_BY_USER: Final = """
SELECT user_id, array_agg(event_id), array_agg(item_id), array_agg(event_type),
       array_agg(extract(epoch FROM "timestamp")::float8), array_agg(extract(epoch FROM received_at)::float8),
       array_agg(session_id)
FROM recsys.event WHERE site = $1 AND ("timestamp" >= $2 OR received_at >= $3)
GROUP BY user_id ORDER BY max(received_at)
"""
_OFF_SALE: Final = """
SELECT item_id, "timestamp", received_at FROM recsys.item_availability WHERE site = $1 AND NOT available
"""
_FORGOTTEN: Final = "SELECT user_id, erased_at FROM recsys.erasure WHERE site = $1"
_LAST_EVENTS: Final = """
SELECT asked.user_id, last.* FROM unnest($4::text[]) AS asked (user_id) CROSS JOIN LATERAL (
    SELECT event_id, item_id, event_type, extract(epoch FROM "timestamp")::float8,
           extract(epoch FROM received_at)::float8, session_id
    FROM recsys.event
    WHERE site = $1 AND user_id = asked.user_id AND ("timestamp" >= $2 OR received_at >= $3)
    ORDER BY "timestamp" DESC, received_at DESC, event_id LIMIT $5
) AS last
"""
_SEEN: Final = """
SELECT user_id, item_id, coalesce(bool_or(event_type = $5), false) AS bought FROM recsys.event
WHERE site = $1 AND user_id = ANY($4::text[]) AND ("timestamp" >= $2 OR received_at >= $3) GROUP BY user_id, item_id
"""


async def live_releases(database: asyncpg.Pool | asyncpg.Connection, surface: str) -> dict[SiteId, ReleaseKey]:
    """The release that answers for each site; a site without one is absent."""
    return {row["site"]: ReleaseKey(*row) for row in await database.fetch(_LIVE, surface)}


async def has_rows(database: asyncpg.Pool | asyncpg.Connection, release: ReleaseKey) -> bool:
    """Whether the release can answer; one whose rows were dropped cannot."""
    found: bool = await database.fetchval(_HAS_ROWS, release.release_id)
    return found


async def wanted_releases(database: asyncpg.Pool | asyncpg.Connection, surface: str) -> list[ReleaseKey]:
    """Releases that answer, or may have to from one moment to the next."""
    return [ReleaseKey(*row) for row in await database.fetch(_WANTED, surface)]


async def running_experiments(database: asyncpg.Pool | asyncpg.Connection, surface: str) -> list[Running]:
    """The experiments that run, those of a site in the order of their start, with their ramps."""
    found = [(Experiment.model_validate_json(row["definition"]), row["ramp"]) for row in await database.fetch(_RUNNING)]
    return [(experiment, ramp) for experiment, ramp in found if experiment.surface == surface]


async def fits(database: asyncpg.Pool, release: ReleaseKey) -> bool:
    """Whether there is room in memory for all that the site was told that counts for the release."""
    found: int = await database.fetchval(_HOW_MANY, *_scope(release), MOST_KEPT + 1, timeout=PATIENCE)
    return found <= MOST_KEPT


async def read_told(database: asyncpg.Pool, release: ReleaseKey) -> Told:
    """Everything the site was told that counts for the release, or for a later one; requests are answered meanwhile.

    Where there is no room for all events none is read: of a user Postgres is asked when somebody wants to know.
    """
    told = Told(since=release, everyone=await fits(database, release))
    for user_id, at in await database.fetch(_FORGOTTEN, release.site):
        told.forget(user_id, at)
    for item_id, *times in await database.fetch(_OFF_SALE, release.site):
        told.item(item_id, OffSale(*times))
    if told.everyone:
        async with database.acquire() as connection, connection.transaction(readonly=True):
            users = connection.cursor(_BY_USER, *_scope(release), prefetch=AT_ONCE, timeout=PATIENCE)
            async for user_id, *columns in users:
                told.whole(user_id, list(map(SeenEvent, *columns)))
    return told


async def read_activities(
    database: asyncpg.Pool,
    told: Told | None,
    release: ReleaseKey,
    user_ids: Sequence[UserId],
    *,
    events: int,
    bought_by: str | None,
) -> dict[UserId, Activity]:
    """What ``Told.activity`` gives, for users whom ``told`` does not know; from now on it does, if it can.

    Those who did more than can be kept of one user cost two further queries.
    """
    memory = told if told is not None and told.covers(release) else Told(since=release, everyone=False)
    expected = memory.expect(user_ids)
    read: dict[UserId, list[SeenEvent]] = {}
    try:
        read = await _last_events(database, memory.since, expected, MOST_EVENTS + 1)
    finally:
        memory.learn(expected, read)
    found: dict[UserId, Activity] = {}
    for user_id in expected:
        if (known := memory.activity(user_id, release, events=events, bought_by=bought_by)) is not None:
            found[user_id] = known
    if busy := expected.keys() - found.keys():
        found |= await _read_busy(database, release, busy, events=events, bought_by=bought_by)
    return found


def heed(told: Told, news: Mapping[str, Any]) -> None:
    """One message of the channel is in the memory."""
    match news["kind"]:
        case "event":
            event = SeenEvent._make(news.get(name) for name in SeenEvent._fields)
            told.event(news["user_id"], event, stored="session_id" in news)
        case "item":
            off_sale = None if news["available"] else OffSale(_moment(news["timestamp"]), _moment(news["received_at"]))
            told.item(news["item_id"], off_sale)
        case "facts":
            told.facts.retell(news["item_id"])
        case "forgotten":
            told.forget(news["user_id"], _moment(news["erased_at"]))


def news_of(site: SiteId, event: Interaction | ItemUpdate, at: datetime) -> str | None:
    """The message of an event that came in at this time and waits on a disk; None: it changes no answer yet."""
    told = {"site": site, "event_id": event.event_id, "item_id": event.item_id}
    times = {"timestamp": event.timestamp.timestamp(), "received_at": at.timestamp()}
    if isinstance(event, Interaction):
        return json.dumps({"kind": "event", "user_id": event.user_id, "event_type": event.event_type, **told, **times})
    if event.available is None:
        return None
    return json.dumps({"kind": "item", "available": event.available, **told, **times})


def parse(payload: str) -> dict[str, Any]:
    """A message of the channel."""
    news: dict[str, Any] = json.loads(payload)
    return news


async def _last_events(
    database: asyncpg.Pool, release: ReleaseKey, user_ids: Iterable[UserId], most: int
) -> dict[UserId, list[SeenEvent]]:
    """Of each user at most so many events that count for the release, newest first."""
    last: dict[UserId, list[SeenEvent]] = {user_id: [] for user_id in user_ids}
    for user_id, *event in await database.fetch(_LAST_EVENTS, *_scope(release), list(last), most):
        last[user_id].append(SeenEvent(*event))
    return last


async def _read_busy(
    database: asyncpg.Pool, release: ReleaseKey, user_ids: Iterable[UserId], *, events: int, bought_by: str | None
) -> dict[UserId, Activity]:
    last = await _last_events(database, release, user_ids, events)
    seen: dict[UserId, set[ItemId]] = defaultdict(set)
    bought: dict[UserId, set[ItemId]] = defaultdict(set)
    for user_id, item_id, was_bought in await database.fetch(_SEEN, *_scope(release), list(last), bought_by):
        seen[user_id].add(item_id)
        if was_bought:
            bought[user_id].add(item_id)
    return {user: Activity(last[user], frozenset(bought[user]), frozenset(seen[user])) for user in last}


def _scope(release: ReleaseKey) -> tuple[SiteId, datetime, datetime]:
    """The site, and since when what happened, or came in, counts for the release."""
    return (release.site, release.as_of - LOOK_BACK, release.created_at - LOOK_BACK)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
