"""A live session from memory is what Postgres gives, whatever was told in whatever order."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from itertools import count

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsys.events import Interaction, ItemUpdate
from recsys.serving.feedback import erase_user, record_events
from recsys.serving.item_updates import record_item_updates
from recsys.serving.live_sessions import session_of
from recsys.serving.predicting.session import SessionRules
from recsys.serving.reading import ReleaseKey
from recsys.serving.telling import heed, news_of, parse, read_activities, read_told
from recsys.serving.told import LOOK_BACK, MOST_EVENTS, Told

RULES = SessionRules(
    event_types=("view", "cart", "purchase"), purchase="purchase", cart="cart", remove="remove", pause_seconds=1800.0
)
NOW = datetime.now(UTC)
USERS = ("anna", "ben")
ITEMS = ("i1", "i2")
MINUTES = st.one_of(st.integers(-3, 12).map(lambda n: n * 10), st.floats(-4, 200), st.just(30 * 24 * 60))
EVENTS = st.tuples(
    st.just("event"),
    st.sampled_from(USERS),
    st.sampled_from(ITEMS),
    st.sampled_from(["view", "view", "cart", "purchase", "unheard of"]),
    MINUTES,
    st.sampled_from([None, None, "s1", "s2"]),
    st.integers(0, 30),
)
UPDATES = st.tuples(
    st.just("update"),
    st.sampled_from(ITEMS),
    MINUTES,
    st.sampled_from([None, "books", "toys", "à la carte"]),
    st.sampled_from([None, 0.1, 7.0, 19.99]),
    st.integers(0, 30),
)
OTHERS = st.one_of(
    st.tuples(st.just("erase"), st.sampled_from(USERS)),
    st.tuples(st.just("restart"), st.booleans()),
    st.tuples(st.just("ask"), st.sampled_from(USERS)),
    st.tuples(st.just("newer release"), st.floats(0, 1400)),
)
HISTORIES = st.lists(st.one_of(EVENTS, EVENTS, EVENTS, UPDATES, OTHERS), min_size=4, max_size=30)
NUMBERS = count()
ACTIVITY = {"events": 3, "bought_by": "purchase"}


def interaction(event_id, user_id="anna", item_id="i1", event_type="view", minutes=1.0, session_id=None):
    at = NOW - timedelta(minutes=minutes)
    return Interaction(
        event_id=event_id, user_id=user_id, item_id=item_id, event_type=event_type, timestamp=at, session_id=session_id
    )


def update(event_id, item_id, minutes, category, price):
    at = NOW - timedelta(minutes=minutes)
    return ItemUpdate(event_id=event_id, item_id=item_id, timestamp=at, category=category, price=price, available=True)


class Worker:
    """A worker that has a site's memory, and hears all that it is told."""

    def __init__(self, pool):
        self.pool = pool
        self.site = f"site-{next(NUMBERS)}"
        self.key = ReleaseKey(self.site, "first", NOW - timedelta(hours=1), NOW - timedelta(hours=1))
        self.told = Told(self.key)
        self.from_memory = 0

    def hear(self, news):
        for payload in news:
            heed(self.told, parse(payload))

    async def tell(self, *events):
        """In one transaction each, as the web service does."""
        for event in events:
            record = record_events if isinstance(event, Interaction) else record_item_updates
            self.hear((await record(self.pool, self.site, [event])).news)

    async def follow(self, told):
        match told:
            case "event", user, item, kind, minutes, session, number:
                await self.tell(interaction(f"e{number}", user, item, kind, minutes, session))
            case "update", item, minutes, category, price, number:
                if (category, price) != (None, None):
                    await self.tell(update(f"u{number}", item, minutes, category, price))
            case "erase", user:
                self.hear((await erase_user(self.pool, self.site, user, NOW))[1])
            case "restart", crowded:
                crowd = Told(self.key, everyone=False, most=6)
                self.told = crowd if crowded else await read_told(self.pool, self.key)
            case "ask", user:
                asked = await read_activities(self.pool, self.told, self.told.since, [user], **ACTIVITY)
                assert asked == await read_activities(self.pool, None, self.told.since, [user], **ACTIVITY)
            case "newer release", minutes:
                at = NOW - timedelta(minutes=minutes) + LOOK_BACK
                list(self.told.keep(ReleaseKey(self.site, "newer", at, at)))

    async def session(self, user):
        """The user's session, the same from memory as from Postgres."""
        expected = await session_of(self.pool, self.site, None, user, RULES, NOW)
        for _ in range(2):  # also with what was learned of items
            assert await session_of(self.pool, self.site, self.told, user, RULES, NOW) == expected
        try:
            assert await session_of(None, self.site, self.told, user, RULES, NOW) == expected
            self.from_memory += 1
        except AttributeError:
            pass  # Postgres would have been asked, and there was none
        return expected

    async def activity(self, user):
        """What the user did lately, the same from memory as from Postgres."""
        since = self.told.since
        known = self.told.activity(user, since, **ACTIVITY)
        assert known in (None, (await read_activities(self.pool, None, since, [user], **ACTIVITY))[user])
        return known


@pytest.fixture
def play(dsn):
    """Runs a play that is given a worker."""

    def play(scene):
        async def run():
            async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
                return await scene(Worker(pool))

        return asyncio.run(run())

    return play


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORIES)
def test_memory_gives_what_postgres_gives(play, history):
    async def scene(worker):
        for told in history:
            await worker.follow(told)
            for user in USERS:
                await worker.session(user)
                await worker.activity(user)

    play(scene)


def test_postgres_is_not_asked_after_each_event(play):
    async def scene(worker):
        await worker.tell(update("u1", "i1", 60, "books", 5.0), interaction("e0"))
        assert [event.category for event in await worker.session("anna")] == ["books"]
        for number in range(1, 6):
            await worker.tell(interaction(f"e{number}", minutes=1 - number / 10, session_id="s1"))
            assert len(await worker.session("anna")) == number
        await worker.tell(interaction("e9", event_type="purchase", minutes=0, session_id="s1"))
        assert await worker.session("anna") == await worker.session("nobody") == []
        assert worker.from_memory == 8

    play(scene)


@pytest.mark.parametrize(
    "late",
    [update("u2", "i1", 4, "toys", None), update("u2", "i1", 2, None, 9.0)],
    ids=["of a time before the event", "of a time between two"],
)
def test_what_is_told_late_of_an_item_counts(play, late):
    async def scene(worker):
        await worker.tell(update("u1", "i1", 60, "books", 5.0), interaction("e1", minutes=3), interaction("e2"))
        before = await worker.session("anna")
        await worker.tell(late)
        assert await worker.session("anna") != before

    play(scene)


def test_of_two_things_told_for_one_moment_the_greatest_counts(play):
    async def scene(worker):
        await worker.tell(*(update(f"u{n}", "i1", 60, name, n) for n, name in enumerate(["b", "é", "B"])))
        await worker.tell(interaction("e1"))
        assert [(event.category, event.price) for event in await worker.session("anna")] == [("é", 2.0)]

    play(scene)


def test_what_waits_on_a_disk_is_in_no_session_until_postgres_has_it(play):
    async def scene(worker):
        await worker.tell(interaction("e1"))
        worker.hear([news_of(worker.site, interaction("e2", event_type="cart"), NOW)])
        assert len(await worker.session("anna")) == 1
        await worker.tell(interaction("e2", minutes=0.5))
        assert [event.event_type for event in await worker.session("anna")] == ["view", "view"]
        assert worker.from_memory == 0
        worker.told = await read_told(worker.pool, worker.key)
        assert len(await worker.session("anna")) == 2
        assert worker.from_memory == 1

    play(scene)


def test_a_busy_user_and_a_memory_in_doubt_are_left_to_postgres(play):
    async def scene(worker):
        await worker.tell(interaction("e0"))
        many = [interaction(f"e{n:03}", minutes=10 - n / 100) for n in range(MOST_EVENTS + 1)]
        worker.hear((await record_events(worker.pool, worker.site, many)).news)
        assert len(await worker.session("anna")) == MOST_EVENTS
        worker.told.sure = False
        await worker.session("ben")
        assert worker.from_memory == 0

    play(scene)


def test_a_session_may_reach_back_beyond_what_memory_holds(play):
    async def scene(worker):
        await worker.tell(*(interaction(f"e{minutes}", minutes=minutes) for minutes in (1, 29, 58, 80)))
        began = NOW - timedelta(minutes=70)
        worker.told = await read_told(
            worker.pool, ReleaseKey(worker.site, "late", began + LOOK_BACK, NOW + 2 * LOOK_BACK)
        )
        assert worker.told.events == 3
        assert len(await worker.session("anna")) == 4
        assert worker.from_memory == 0

    play(scene)


def test_news_of_an_earlier_version_make_no_session(play):
    async def scene(worker):
        recorded = await record_events(worker.pool, worker.site, [interaction("e1", session_id="s1")])
        news = [
            {name: value for name, value in json.loads(each).items() if name != "session_id"} for each in recorded.news
        ]
        worker.hear(map(json.dumps, news))
        assert [event.session_id for event in await worker.session("anna")] == ["s1"]
        assert worker.from_memory == 0

    play(scene)


@pytest.mark.parametrize("order", [("e1", "e2"), ("e2", "e1")])
def test_events_of_one_moment_stand_in_the_order_of_their_ids(play, order):
    async def scene(worker):
        kinds = {"e1": "view", "e2": "cart"}
        await worker.tell(*(interaction(event_id, event_type=kinds[event_id]) for event_id in order))
        assert [event.event_type for event in await worker.session("anna")] == ["view", "cart"]
        assert worker.from_memory == 1

    play(scene)


def test_where_there_is_too_much_to_read_each_user_is_read_when_somebody_asks(play, monkeypatch):
    async def scene(worker):
        monkeypatch.setattr("recsys.serving.telling.MOST_KEPT", 3)
        await worker.tell(*(interaction(f"e{number}", user_id=f"u{number}") for number in range(4)))
        worker.told = await read_told(worker.pool, worker.key)
        assert (worker.told.events, worker.told.everyone) == (0, False)
        assert len(await worker.session("u3")) == 1
        assert (worker.from_memory, await worker.activity("u3")) == (0, None)
        await read_activities(worker.pool, worker.told, worker.key, ["u3"], **ACTIVITY)
        await worker.tell(interaction("e9", user_id="u3", minutes=0.5))
        assert len(await worker.session("u3")) == len((await worker.activity("u3")).events) == 2
        assert worker.from_memory == 1

    play(scene)


def test_who_does_more_than_is_kept_of_a_user_is_answered_from_postgres(play, monkeypatch):
    async def scene(worker):
        monkeypatch.setattr("recsys.serving.telling.MOST_EVENTS", 3)
        monkeypatch.setattr("recsys.serving.told.MOST_EVENTS", 3)
        await worker.tell(*(interaction(f"e{n}", item_id=f"i{n}", event_type="purchase", minutes=n) for n in range(5)))
        for _ in range(2):
            asked = await read_activities(worker.pool, worker.told, worker.key, ["anna"], **ACTIVITY)
            assert [event.item_id for event in asked["anna"].events] == ["i0", "i1", "i2"]
            assert asked["anna"].bought == asked["anna"].seen == {f"i{n}" for n in range(5)}
            assert worker.told.events == 0

    play(scene)
