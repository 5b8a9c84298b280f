import asyncio
import json
from datetime import UTC, datetime, timedelta

import asyncpg
import polars as pl
import pytest

from recsys.events import ItemUpdate
from recsys.events.schema import ITEM_UPDATES
from recsys.serving.feedback import Recorded
from recsys.serving.item_updates import read_item_updates, record_item_updates
from recsys.serving.postgres import transaction
from recsys.testing.small_release import NOON, SITE

HOUR = timedelta(hours=1)
EVERYTHING = {
    "title": "Ein „Titel“ 🙂",
    "text": "Two\nlines",
    "category": "books",
    "price": 9.5,
    "available": True,
    "image": "https://example.org/i01.png",
    "language": "de-AT",
    "published_at": "2026-01-01T00:00:00+01:00",
    "attributes": {"pages": 7, "by": ["A", "B"], "nul": "\u0000", "gone": None},
}


def update(event_id="u1", item_id="i01", *, at=NOON, **told):
    return ItemUpdate(event_id=event_id, item_id=item_id, timestamp=at, **(told or EVERYTHING))


@pytest.fixture
def record(dsn):
    """Records the updates of each call in a connection of its own, all calls at once."""

    async def one(updates):
        async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
            return await record_item_updates(pool, SITE, updates)

    async def all_of(calls):
        return await asyncio.gather(*map(one, calls))

    return lambda *calls: asyncio.run(all_of(calls))


def availability(dsn):
    with transaction(dsn) as cursor:
        cursor.execute("SELECT item_id, available FROM recsys.item_availability WHERE site = %s ORDER BY 1", (SITE,))
        return dict(cursor.fetchall())


def test_everything_told_comes_back_as_a_row(dsn, record):
    assert [recorded.new for recorded in record([update()])] == [{"u1"}]
    [row] = pl.DataFrame(read_item_updates(dsn, SITE, NOON, NOON + HOUR), schema=ITEM_UPDATES, orient="row").to_dicts()
    published = datetime(2025, 12, 31, 23, tzinfo=UTC)
    attributes = '{"by":["A","B"],"gone":null,"nul":"\\u0000","pages":7}'
    assert row == EVERYTHING | {
        "item_id": "i01",
        "timestamp": NOON,
        "published_at": published,
        "attributes": attributes,
    }


def test_an_update_counts_once_and_the_first_stays(dsn, record):
    record([update(title="One"), update(title="Two")])
    assert record([update(title="Three"), update("u2", title="Four")]) == [Recorded(frozenset({"u2"}), news=())]
    assert [row[2] for row in read_item_updates(dsn, SITE, NOON, NOON + HOUR)] == ["One", "Four"]


def test_the_end_is_exclusive_and_sites_are_apart(dsn, record):
    record([update("u1"), update("u2", at=NOON + HOUR)])
    assert len(read_item_updates(dsn, SITE, NOON, NOON + HOUR)) == 1
    assert len(read_item_updates(dsn, SITE, NOON, NOON + 2 * HOUR)) == 2
    assert read_item_updates(dsn, "other", NOON, NOON + HOUR) == []


def test_the_latest_told_availability_is_known_whatever_the_order(dsn, record):
    told = [update("u1", available=False), update("u2", at=NOON - HOUR, available=True), update("u3", title="Only")]
    [recorded] = record(told)
    assert [(news["item_id"], news["available"]) for news in map(json.loads, recorded.news)] == [("i01", False)]
    assert availability(dsn) == {"i01": False}
    record([update("u4", at=NOON - 2 * HOUR, available=True)])
    assert availability(dsn) == {"i01": False}
    record([update("u5", at=NOON + HOUR, available=True), update("u5", at=NOON + 2 * HOUR, available=False)])
    assert availability(dsn) == {"i01": True}


def test_many_writers_at_once_count_each_update_once(dsn, record):
    updates = [update(f"u{n}", f"i{n % 7}", at=NOON + n * HOUR, available=n % 2 == 0) for n in range(140)]
    counts = record(*([updates[::step] for step in (1, -1)] * 4))
    assert sum(len(recorded.new) for recorded in counts) == 140
    assert availability(dsn) == {f"i{n % 7}": n % 2 == 0 for n in range(133, 140)}
