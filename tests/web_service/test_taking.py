"""202 means durable: whatever is killed, whether Postgres is there or not, each event counts once."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx

from recsys.local.ports import free_block
from recsys.serving.postgres import transaction
from recsys.testing.small_release import SITE
from tests.web_service.conftest import running, until
from tests.web_service.faulty import patient
from tests.web_service.test_standing import asked, away, own, snapshot_answers  # noqa: F401 a fixture
from web_service.app import create_app

EVENTS = f"/v1/{SITE}/events"


def viewed(number, user="anna", item="i01"):
    return {"event_id": f"e{number}", "user_id": user, "item_id": item, "event_type": "view"}


def stored(settings):
    with transaction(settings.postgres_dsn()) as cursor:
        cursor.execute("SELECT event_id FROM recsys.event ORDER BY event_id")
        return [event_id for (event_id,) in cursor.fetchall()]


def test_requests_at_the_same_time_are_counted_each_for_itself(client, rows):
    bodies = [[viewed(number), viewed(number + 1), viewed(number)] for number in range(0, 60, 2)] * 2
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda body: client.post(EVENTS, json=body).json(), bodies))
    assert sum(reply["accepted"] for reply in replies) == 60
    assert all(reply["accepted"] + reply["duplicates"] == 3 for reply in replies)
    assert rows("SELECT count(*) FROM recsys.event") == [(60,)]


def test_while_postgres_is_away_events_wait_on_the_disk_and_count_at_once(own):  # noqa: F811
    app = create_app(own)
    with running(own, app) as client:
        until(snapshot_answers(app))
        with away(own):
            until(lambda: not client.get("/health/ready").json()["postgres"])
            reply = client.post(EVENTS, json=[viewed(1), viewed(2)])
            assert (reply.status_code, reply.json()["accepted"]) == (202, 2)
            assert asked(client, user_id="anna", k=1)["items"][0]["because"] == ["i01"]
            sold_out = {"kind": "item_update", "event_id": "u1", "item_id": "i07", "available": False}
            assert client.post(EVENTS, json=[viewed(2), sold_out]).status_code == 202
            assert "i07" not in {item["item_id"] for item in asked(client, user_id="anna", k=11)["items"]}
        until(lambda: stored(own) == ["e1", "e2"])
        until(lambda: not list((own.recsys_home / "spool").iterdir()))
        assert client.post(EVENTS, json=viewed(1)).json()["duplicates"] == 1


def test_a_full_spool_says_when_to_come_again(own):  # noqa: F811
    with running(own.model_copy(update={"recsys_spool_megabytes": 0})) as client, away(own):
        reply = client.post(EVENTS, json=viewed(1))
    assert (reply.status_code, reply.json()["type"]) == (503, "urn:recsys:problem:no-room")
    assert reply.headers["retry-after"]
    assert stored(own) == []


def test_what_was_accepted_survives_kill_9(own):  # noqa: F811
    accepted = []
    for away_first in (True, False, True):
        with process(own) as (client, killed):
            if away_first:
                with away(own):
                    accepted += post(client, len(accepted))
                    killed()
            else:
                accepted += post(client, len(accepted))
                killed()
    with running(own):
        until(lambda: set(accepted) <= set(stored(own)))
        assert len(accepted) > 20
        until(lambda: not list((own.recsys_home / "spool").iterdir()))


def post(client, start):
    """Ids that were accepted."""
    done = []
    for number in range(start, start + 10):
        if client.post(EVENTS, json=viewed(f"{number:03}")).status_code == 202:
            done.append(f"e{number:03}")
    return done


def test_any_of_several_workers_tells_the_metrics_of_all(own, tmp_path):  # noqa: F811
    metrics = tmp_path / "metrics"
    metrics.mkdir()
    (metrics / "gauge_livemin_999999999.db").write_bytes(b"left by a worker that was killed")
    with process(own, workers=2, PROMETHEUS_MULTIPROC_DIR=str(metrics)) as (client, _):
        for number in range(20):  # a connection each, so that both workers have some
            with patient(client.base_url) as other:
                other.post(EVENTS, json=viewed(number)).raise_for_status()

        def told(start):
            lines = client.get("/metrics").text.splitlines()
            return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(start)), None)

        assert told('recsys_events_total{outcome="accepted",site="shop"}') == 20
        until(lambda: told("recsys_news_seconds_count") >= 20)  # the last of them may be on its way
        until(lambda: told("recsys_spool_bytes") == 0)
        until(lambda: told("recsys_database_heard_timestamp_seconds") > 0)  # a worker that starts has not yet


@contextmanager
def process(settings, workers=1, stderr=None, **environment):
    """The service as a process of its own, and how to kill it; ``stderr`` takes what it logs."""
    port = free_block(1)
    chosen = settings.model_copy(update={"recsys_web_port": port, "recsys_web_workers": workers})
    started = subprocess.Popen(
        [sys.executable, "-m", "web_service"],
        env={**os.environ, **chosen.environment(), **environment},
        start_new_session=True,
        stderr=stderr,
    )
    try:
        with patient(f"http://127.0.0.1:{port}") as client:
            until(lambda: answers(client))
            yield client, lambda: (started.send_signal(signal.SIGKILL), started.wait())
    finally:
        started.terminate()
        started.wait(60)


def answers(client):
    try:
        return client.get("/health/live").status_code == 200
    except httpx.TransportError:
        return False
