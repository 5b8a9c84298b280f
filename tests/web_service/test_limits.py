"""What is refused so that the rest is answered: too many of one client, too much at once, what takes too long."""

import asyncio
import time

import psycopg2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from recsys.testing.small_release import SITE
from tests.web_service.conftest import running, until
from tests.web_service.test_problems import require_problem
from web_service import limits, load
from web_service.app import create_app
from web_service.limits import WINDOW, Shares
from web_service.load import Load
from web_service.telemetry import Telemetry

ASK = f"/v1/{SITE}/recommendations"
KEYS = {f"recsys_{scope}_key": SecretStr(f"{scope}-key") for scope in ("read", "write", "admin")}


@given(per_second=st.floats(0.2, 500), gaps=st.lists(st.floats(0, 3), max_size=300))
def test_nobody_gets_more_than_the_share_and_what_was_saved_up(per_second, gaps):
    shares, now, taken = Shares(per_second), 100.0, []
    for gap in gaps:
        now += gap
        left, seconds = shares.take("anna", now)
        if left >= 0:
            taken.append(now)
            assert left < shares.most
        else:  # after the wait that was told, it is granted
            assert shares.take("anna", now + seconds + 1e-6)[0] >= 0
            break
    for first, start in enumerate(taken):
        within = sum(1 for at in taken[first:] if at <= start + WINDOW)
        assert within <= shares.most + WINDOW * per_second + 1


def test_shares_are_each_clients_own_and_forgotten_when_whole(monkeypatch):
    monkeypatch.setattr(limits, "MOST_CLIENTS", 2)
    shares = Shares(0.1)
    assert shares.take("anna", 0.0)[0] == 0
    assert shares.take("anna", 1.0) == (-1, pytest.approx(9.0))
    assert shares.take("ben", 1.0)[0] == 0
    assert shares.take("cleo", 12.0)[0] == 0
    assert list(shares._whole_at) == ["cleo"]


def test_more_than_the_share_of_a_key_is_told_to_wait(shop, serve, monkeypatch):
    monkeypatch.setattr(limits, "WINDOW", 1000.0)  # so that no share comes back while this asks
    with serve(
        shop.model_copy(update={"recsys_requests_per_second": 0.003, "recsys_require_keys": True, **KEYS})
    ) as client:
        mine, other = ({"Authorization": f"Bearer {scope}-key"} for scope in ("read", "admin"))
        first = client.get(ASK, headers=mine)
        assert first.headers["ratelimit-policy"] == '"requests";q=3;w=1000'
        assert first.headers["ratelimit"].startswith('"requests";r=2;t=')
        assert [client.get(ASK, headers=mine).status_code for _ in range(3)] == [200, 200, 429]
        refused = client.get(ASK, headers=mine)
        require_problem(refused, 429, "rate-limited")
        assert 0 < int(refused.headers["retry-after"]) <= 334
        assert refused.headers["ratelimit"].startswith('"requests";r=0;t=')
        assert client.get(ASK, headers=other).status_code == 200
        for path in ("/health/live", "/health/ready", "/metrics"):
            assert "ratelimit" not in client.get(path).headers
        assert 'recsys_requests_refused_total{why="rate-limited"} 2.0' in client.get("/metrics").text
        strangers = [client.get(ASK, headers={"Authorization": f"Bearer {n}"}).status_code for n in range(4)]
        assert strangers == [401, 401, 401, 429]  # by address


def test_without_a_limit_nothing_is_said_of_one(client):
    assert "ratelimit" not in client.get(ASK).headers


def test_a_late_worker_admits_so_many_as_it_can_answer():
    busy = Load(10.0, Telemetry())
    assert all(busy.admits() for _ in range(100))
    busy.late = load.MOST_LATE * 4
    assert sum(busy.admits() for _ in range(400)) == 100
    busy.late = 0.0
    assert all(busy.admits() for _ in range(100))


def test_one_pause_is_no_overload():
    busy = Load(10.0, Telemetry())
    busy.notice(30.0)
    assert busy.admits()
    assert busy.late == 0.0
    busy.notice(20.0)
    assert busy.late == 20.0
    busy.notice(0.01)
    assert busy.late == 0.01


def test_a_worker_notices_that_it_is_late_and_that_it_no_longer_is(monkeypatch):
    monkeypatch.setattr(load, "MOST_LATE", 1.0)

    async def story():
        busy = Load(10.0, Telemetry())
        looking = asyncio.create_task(busy.run())
        async with asyncio.timeout(120.0):
            while busy.late <= load.MOST_LATE:
                await asyncio.sleep(load.LOOK_AGAIN / 2)  # it waits for its next appointment
                time.sleep(1.2)
            while busy.late >= 0.1:
                await asyncio.sleep(load.LOOK_AGAIN)
        looking.cancel()

    asyncio.run(story())


def test_too_much_under_way_is_refused_at_once_and_health_answers(shop, serve, monkeypatch):
    monkeypatch.setattr(load, "MOST_UNDER_WAY", 0)
    with serve(shop) as client:
        refused = client.get(ASK)
        require_problem(refused, 503, "overloaded")
        assert refused.headers["retry-after"] == "1"
        assert client.get("/health/live").status_code == client.get("/health/ready").status_code == 200
        assert 'recsys_requests_refused_total{why="overloaded"} 1.0' in client.get("/metrics").text


def test_a_request_that_takes_too_long_is_given_up_and_the_next_one_is_answered(shop):
    app = create_app(shop.model_copy(update={"recsys_request_seconds": 0.3}))
    with running(shop, app) as client, psycopg2.connect(shop.postgres_dsn()) as blocking:
        with blocking.cursor() as cursor:
            cursor.execute("LOCK TABLE recsys.event")
        replies = [client.get(f"/v1/{SITE}/users/anna/events")]
        require_problem(replies[0], 503, "too-slow")
        blocking.rollback()
        while replies[-1].status_code == 503 and len(replies) < 100:
            replies.append(client.get(f"/v1/{SITE}/users/anna/events"))
        assert replies[-1].status_code == 200
        refused = len(replies) - 1  # one, unless the machine was too slow as well
        assert f'recsys_requests_refused_total{{why="too-slow"}} {refused}.0' in client.get("/metrics").text
    blocking.close()


def test_refused_keys_are_counted_by_why(shop, serve):
    with serve(shop.model_copy(update={"recsys_require_keys": True, **KEYS})) as client:
        client.get(ASK)
        client.get(ASK, headers={"Authorization": "Bearer wrong"})
        client.get(ASK, headers={"Authorization": "Bearer write-key"})
        client.get(ASK, headers={"Authorization": "Bearer read-key"})
        told = client.get("/metrics").text
        counted = [line for line in told.splitlines() if line.startswith("recsys_keys_refused_total{")]
    assert counted == [f'recsys_keys_refused_total{{why="{why}"}} 1.0' for why in ("missing", "unknown", "scope")]


def test_what_is_under_way_and_how_late_the_worker_is_are_measured(client):
    def told(name):
        lines = client.get("/metrics").text.splitlines()
        return float(next(line for line in lines if line.startswith(name)).rpartition(" ")[2])

    until(lambda: told("recsys_requests_under_way") == 0)  # what was there at the last look
    until(lambda: 0 <= told("recsys_late_seconds") < 10)
