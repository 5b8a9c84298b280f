"""Live sessions of several workers: each knows what any of them was told, and asks Postgres where it may not."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from recsys.serving import live_sessions
from recsys.serving.postgres import transaction
from recsys.testing.small_release import SITE
from tests.web_service.conftest import as_web, running, until
from web_service import standing as standing_module
from web_service.app import create_app


@pytest.fixture
def worker(predicting_shop):
    """Opens a worker that has the site in memory."""

    @contextmanager
    def worker():
        app = create_app(as_web(predicting_shop))
        with running(predicting_shop, app) as client:
            until(lambda: remembers(app))
            yield client, app

    return worker


@pytest.fixture
def asked(monkeypatch):
    """Of whom Postgres was asked."""
    asked = []
    last_events = live_sessions.last_events

    async def noted(database, site, user_id, until):
        asked.append(user_id)
        return await last_events(database, site, user_id, until)

    monkeypatch.setattr(live_sessions, "last_events", noted)
    return asked


def remembers(app):
    told = app.state.services.standing.told(SITE)
    return told is not None and told.sure


def tell(client, *events):
    assert client.post(f"/v1/{SITE}/events", json=events).status_code == 202


def did(user, event_type="view", *, item="x1", minutes=1.0):
    at = (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()
    return {"user_id": user, "item_id": item, "event_type": event_type, "timestamp": at}


def said(client, user):
    reply = client.get(f"/v1/{SITE}/intent", params={"user_id": user})
    assert reply.status_code == 200, reply.text
    return reply.json()["purchase_probability"]


def test_each_worker_knows_what_another_was_told_and_asks_nobody(worker, asked):
    with worker() as (one, _), worker() as (other, _):
        nothing = said(other, "eve")
        tell(one, *(did("eve", kind, minutes=3) for kind in ("view", "view", "cart")))
        began = said(one, "eve")
        assert began != nothing
        until(lambda: said(other, "eve") == began)
        update = {"kind": "item_update", "item_id": "x1", "category": "games", "price": 77.0}
        assert asked == []
        tell(one, {**update, "timestamp": (datetime.now(UTC) - timedelta(hours=1)).isoformat()})
        priced = said(one, "eve")
        assert priced != began
        until(lambda: said(other, "eve") == priced)
        assert asked == []
        assert one.delete(f"/v1/{SITE}/users/eve").status_code == 200
        until(lambda: said(other, "eve") == nothing)
        assert said(one, "eve") == nothing


def test_after_a_gap_in_the_news_postgres_is_asked_until_memory_is_read_again(worker, asked, predicting_shop):
    with worker() as (client, app):
        tell(client, did("gap"))
        before = said(client, "gap")
        told = app.state.services.standing.told(SITE)
        with transaction(predicting_shop.postgres_dsn()) as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            cursor.execute(
                "INSERT INTO recsys.event (site, event_id, user_id, item_id, event_type, timestamp) "
                "VALUES (%s, 'in-the-gap', 'gap', 'x2', 'cart', now() - interval '10 seconds')",
                (SITE,),
            )
        until(lambda: not told.sure)
        until(lambda: client.get(f"/v1/{SITE}/intent", params={"user_id": "gap"}).status_code == 200)
        after = said(client, "gap")
        assert after != before
        until(lambda: remembers(app))
        asked.clear()
        assert said(client, "gap") == after
        assert asked == []
        assert client.delete(f"/v1/{SITE}/users/gap").status_code == 200  # others have this shop, too


def test_what_another_site_hears_while_this_one_is_read_stays_there(predicting_shop, monkeypatch):
    app = create_app(predicting_shop)
    now = datetime.now(UTC).timestamp()
    event = {"event_id": "x", "user_id": "stranger", "item_id": "i01", "event_type": "view", "session_id": None}
    read_told = standing_module.read_told

    async def meanwhile(connection, release):
        told = await read_told(connection, release)
        news = {"kind": "event", "site": "elsewhere", **event, "timestamp": now, "received_at": now}
        app.state.services.standing.heed([json.dumps(news)])
        return told

    monkeypatch.setattr(standing_module, "read_told", meanwhile)
    with running(predicting_shop, app):
        until(lambda: remembers(app))
        told = app.state.services.standing.told(SITE)
        assert told.last_events("stranger", now, 60.0) == []
