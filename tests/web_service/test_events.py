from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from recsys.events.schema import INTERACTIONS
from recsys.serving.feedback import erasures, read_events
from recsys.serving.publishing import publish
from recsys.testing.small_release import SITE
from web_service.clock import now

EVENTS = f"/v1/{SITE}/events"
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
ONE = {
    "event_id": "e1",
    "timestamp": "2026-03-01T13:00:00+02:00",
    "user_id": "anna",
    "item_id": "i01",
    "event_type": "purchase",
    "value": 9.5,
    "session_id": "s1",
    "request_id": "r1",
}


def test_the_same_event_counts_once(client, rows):
    assert client.post(EVENTS, json=ONE).json() == {"accepted": 1, "duplicates": 0, "event_ids": ["e1"]}
    again = client.post(EVENTS, json=[ONE, ONE | {"event_id": "e2"}, ONE | {"event_id": "e2"}])
    assert (again.status_code, again.json()) == (
        202,
        {"accepted": 1, "duplicates": 2, "event_ids": ["e1", "e2", "e2"]},
    )
    assert rows("SELECT event_id FROM recsys.event ORDER BY event_id") == [("e1",), ("e2",)]


def test_the_first_of_an_id_stays(client, rows):
    client.post(EVENTS, json=ONE)
    client.post(EVENTS, json=ONE | {"item_id": "i02"})
    assert rows("SELECT item_id FROM recsys.event") == [("i01",)]


def test_many_clients_that_send_the_same_at_once_count_each_event_once(client, rows):
    batch = [ONE | {"event_id": f"e{number}"} for number in range(200)]
    with ThreadPoolExecutor(6) as sending:
        replies = list(sending.map(lambda turn: client.post(EVENTS, json=batch[:: 1 if turn % 2 else -1]), range(6)))
    assert [reply.status_code for reply in replies] == [202] * 6
    assert sum(reply.json()["accepted"] for reply in replies) == 200
    assert rows("SELECT count(*) FROM recsys.event") == [(200,)]


def test_what_is_absent_is_made_here(client):
    before = now()
    reply = client.post(EVENTS, json={"user_id": "anna", "item_id": "i01", "event_type": "view"}).json()
    (event,) = client.get(f"/v1/{SITE}/users/anna/events").json()
    assert [event["event_id"]] == reply["event_ids"]
    assert before <= datetime.fromisoformat(event["timestamp"]) <= now()


def test_a_clock_may_be_a_little_ahead_and_an_old_event_is_fine(client):
    for when in (datetime.now(UTC) + timedelta(minutes=4), datetime(1999, 1, 1, tzinfo=UTC)):
        assert client.post(EVENTS, json=ONE | {"timestamp": when.isoformat()}).status_code == 202


def test_a_users_events_are_read_newest_first(client):
    for number in range(3):
        client.post(EVENTS, json=ONE | {"event_id": f"e{number}", "timestamp": f"2026-03-0{number + 1}T00:00:00Z"})
    newest = client.get(f"/v1/{SITE}/users/anna/events", params={"limit": 2}).json()
    assert [event["event_id"] for event in newest] == ["e2", "e1"]
    assert newest[0] == ONE | {"event_id": "e2", "timestamp": "2026-03-03T00:00:00Z", "kind": "interaction"}
    assert client.get(f"/v1/{SITE}/users/nobody/events").json() == []


def test_the_event_log_reads_whole_utc_days(client, shop):
    times = ["2026-03-01T00:00:00Z", "2026-03-02T01:30:00+02:00", "2026-03-02T00:00:00Z", "2026-02-28T23:59:59Z"]
    client.post(EVENTS, json=[ONE | {"event_id": f"e{n}", "timestamp": time} for n, time in enumerate(times)])
    found = read_events(shop.postgres_dsn(), SITE, MIDNIGHT, MIDNIGHT + timedelta(days=1))
    assert [row[0] for row in found] == ["e0", "e1"]
    assert found[1] == ("e1", "anna", "i01", "purchase", datetime(2026, 3, 1, 23, 30, tzinfo=UTC), 9.5, "s1", "r1")
    assert len(found[0]) == len(INTERACTIONS)
    assert len(read_events(shop.postgres_dsn(), SITE, MIDNIGHT - timedelta(days=1), MIDNIGHT + timedelta(days=2))) == 4
    assert read_events(shop.postgres_dsn(), "other", MIDNIGHT, MIDNIGHT + timedelta(days=1)) == []


def test_a_forgotten_user_is_gone_and_does_not_come_back(client, shop, rows, release_files, serve):
    client.post(EVENTS, json=[ONE, ONE | {"event_id": "e2", "user_id": "one_item"}])
    erased = client.delete(f"/v1/{SITE}/users/anna").json()
    assert erased == {"user_id": "anna", "events": 1, "impressions": 0, "slates": 1}
    assert rows("SELECT user_id FROM recsys.event") == [("one_item",)]
    assert list(erasures(shop.postgres_dsn(), SITE)) == ["anna"]
    assert client.delete(f"/v1/{SITE}/users/anna").json()["slates"] == 0
    folder, counts = release_files["first"]
    left = counts | {"recommendations.parquet": counts["recommendations.parquet"] - 1}
    assert publish(shop.postgres_dsn(), SITE, "first", folder, counts) == left
    rows("UPDATE recsys.release SET state = 'retired', published = false RETURNING 1")
    assert publish(shop.postgres_dsn(), SITE, "first", folder, counts) == counts
    assert rows("SELECT count(*) FROM recsys.slate WHERE user_id = 'anna' AND release_id = 'first'") == [(0,)]
    items = client.get(f"/v1/{SITE}/recommendations", params={"user_id": "anna"}).json()["items"]
    assert {item["source"] for item in items} <= {"popular", "catalogue"}
