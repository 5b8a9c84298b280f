"""What a worker knows without asking, while Postgres is there and while it is not."""

from contextlib import closing, contextmanager
from datetime import UTC, datetime

import psycopg2
import pytest
import yaml
from psycopg2 import sql

from recsys.serving import publishing
from recsys.serving.migrate import migrate
from recsys.serving.snapshot.release import SnapshotRelease
from recsys.testing.small_release import NOON, SITE
from tests.web_service.conftest import SHOP, publish_release, running, until
from web_service.app import create_app

ASK = f"/v1/{SITE}/recommendations"


@pytest.fixture
def own(createdb, tmp_path, release_files):
    """Settings of a shop in a database of its own, with a folder for snapshots; its first release is live."""
    sites = tmp_path / "sites"
    sites.mkdir()
    (sites / f"{SITE}.yaml").write_text(yaml.safe_dump(SHOP))
    chosen = {"recsys_sites_dir": sites, "recsys_home": tmp_path / "home", "recsys_snapshot_users": 3}
    settings = createdb().model_copy(update=chosen)
    migrate(settings.postgres_dsn())
    publish_release(settings, "first", *release_files["first"])
    return settings


def snapshot_answers(app):
    return lambda: isinstance(app.state.services.standing.reader(SITE), SnapshotRelease)


def asked(client, **question):
    reply = client.get(ASK, params=question)
    assert reply.status_code == 200, reply.text
    return {name: value for name, value in reply.json().items() if name != "request_id"}


QUESTIONS = [
    {"user_id": user, "mode": mode, "k": k, **more}
    for user in ("anna", "one_item", "nothing", "bought_much", "never seen")
    for mode in ("blended", "offline", "online")
    for k, more in ((3, {}), (20, {}), (5, {"category": "books", "exclude": "i02"}))
]


def test_a_snapshot_answers_as_the_tables_do(own):
    with running(own.model_copy(update={"recsys_snapshot_users": 0})) as client:
        client.post(f"/v1/{SITE}/events", json={"user_id": "anna", "item_id": "i02", "event_type": "purchase"})
        client.post(f"/v1/{SITE}/events", json={"user_id": "anna", "item_id": "i07", "event_type": "view"})
        client.post(f"/v1/{SITE}/events", json={"kind": "item_update", "item_id": "i08", "available": False})
        expected = [asked(client, **question) for question in QUESTIONS]
    app = create_app(own)
    with running(own, app) as client:
        until(snapshot_answers(app))
        assert [asked(client, **question) for question in QUESTIONS] == expected


def test_one_worker_hears_what_another_was_told(own):
    app = create_app(own)
    with running(own, app) as client, running(own.model_copy(update={"recsys_snapshot_users": 0})) as other:
        until(snapshot_answers(app))
        other.post(f"/v1/{SITE}/events", json={"user_id": "anna", "item_id": "i01", "event_type": "view"})
        until(lambda: asked(client, user_id="anna", k=1)["items"][0]["item_id"] == "i07")
        other.post(f"/v1/{SITE}/events", json={"kind": "item_update", "item_id": "i07", "available": False})
        until(lambda: asked(client, user_id="anna", k=1)["items"][0]["item_id"] != "i07")
        other.delete(f"/v1/{SITE}/users/anna")
        until(lambda: asked(client, user_id="anna", k=1)["items"][0]["source"] == "popular")


def test_while_postgres_is_away_answers_go_on(own, release_files):
    app = create_app(own)
    with running(own, app) as client:
        until(snapshot_answers(app))
        before = asked(client, user_id="anna", k=12)
        with away(own):
            assert asked(client, user_id="anna", k=12) == before
            ready = client.get("/health/ready")
            assert (ready.status_code, ready.json()["postgres"]) == (200, False)
            assert "last heard at" in ready.json()["detail"]
            beyond = asked(client, user_id="one_item", k=3)["items"]  # the snapshot has three users
            assert {item["source"] for item in beyond} == {"popular"}
            second = create_app(own)
            with running(own, second) as late:
                assert asked(late, user_id="anna", k=12) == before
                assert "not heard since the start" in late.get("/health/ready").json()["detail"]
        publish_release(own, "second", *release_files["second"])
        until(lambda: asked(client, user_id="anna", k=1)["release_id"] == "second")
        assert client.get("/health/ready").json()["postgres"]


def test_where_there_is_no_room_for_all_events_a_user_is_read_once(own, monkeypatch):
    with running(own) as client:
        for user in ("anna", "one_item"):
            client.post(f"/v1/{SITE}/events", json={"user_id": user, "item_id": "i01", "event_type": "view"})
    monkeypatch.setattr("recsys.serving.telling.MOST_KEPT", 1)
    app = create_app(own)
    with running(own, app) as client:
        until(snapshot_answers(app))
        before = asked(client, user_id="anna", k=3)
        assert (before["items"][0]["source"], before["items"][0]["because"]) == ("similar", ["i01"])
        with away(own):
            assert asked(client, user_id="anna", k=3) == before
            assert "similar" not in {item["source"] for item in asked(client, user_id="one_item", k=3)["items"]}


def test_a_broken_snapshot_is_made_again_and_harms_no_answer(own):
    folder = own.recsys_home / "snapshots" / SITE
    with running(own) as client:
        until(lambda: (folder / "first.snapshot").exists())
        before = asked(client, user_id="anna")
    whole = (folder / "first.snapshot").read_bytes()
    (folder / "first.snapshot").write_bytes(whole[: len(whole) // 2])
    app = create_app(own)
    with running(own, app) as client:
        assert asked(client, user_id="anna") == before
        until(snapshot_answers(app))
        assert asked(client, user_id="anna") == before
    assert (folder / "first.snapshot").read_bytes() == whole


def test_only_snapshots_of_releases_that_may_answer_are_kept(own, release_files):
    folder = own.recsys_home / "snapshots" / SITE
    with running(own) as client:
        until(lambda: (folder / "first.snapshot").exists())
        publish_release(own, "second", *release_files["second"])
        until(lambda: (folder / "second.snapshot").exists())
        assert (folder / "first.snapshot").exists()  # a roll back would go there
        dsn = own.postgres_dsn()
        publishing.record_release(dsn, SITE, "third", as_of=NOON, at=datetime.now(UTC), state="gated")
        publishing.publish(dsn, SITE, "third", *release_files["first"])
        until(lambda: (folder / "third.snapshot").exists())  # before it is live
        publishing.activate(dsn, SITE, "third", datetime.now(UTC))
        until(lambda: not (folder / "first.snapshot").exists())
        assert asked(client, user_id="anna")["release_id"] == "third"


@contextmanager
def away(settings):
    """Nobody can connect to the database while the block runs."""
    database = settings.recsys_postgres_database
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with closing(psycopg2.connect(settings.postgres_dsn("postgres"))) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(allow.format(sql.Identifier(database), sql.Literal(False)))
        cursor.execute("SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = %s", (database,))
        try:
            yield
        finally:
            cursor.execute(allow.format(sql.Identifier(database), sql.Literal(True)))
