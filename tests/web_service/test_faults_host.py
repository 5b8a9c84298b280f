"""Faults of one host: a worker killed, a full disk, a snapshot cut short under its readers, a clock that jumps."""

import itertools
import os
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psutil
import pytest

from recsys.serving.postgres import transaction
from recsys.testing.small_release import SITE
from tests.web_service.conftest import publish_release, running, until
from tests.web_service.faulty import ASK, EVENTS, asking, children, patient, stored
from tests.web_service.test_standing import asked, away, own, snapshot_answers  # noqa: F401 a fixture
from tests.web_service.test_taking import process, viewed
from web_service.app import create_app

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


def test_a_worker_is_killed(own, seconds_of, record_property):  # noqa: F811
    with process(own, workers=2) as (client, _):
        parent = _parent()
        until(lambda: len(_ready(parent)) == 2)
        with asking(client.base_url) as told:
            for _ in range(seconds_of(2, 10)):
                told.goes_on()
                victim = children(parent)[0]
                os.kill(victim, signal.SIGKILL)
                until(lambda: len(_ready(parent)) == 2 and victim not in children(parent))  # noqa: B023
        lost = [
            fault for fault in told.faults if not fault.startswith(("RemoteProtocolError", "ReadError", "WriteError"))
        ]
        until(lambda: set(told.accepted) <= stored(own))
    assert lost == []  # every other request was answered
    assert told.statuses(told.answers) == {200}
    assert told.statuses(told.replies) == {202}
    assert told.quantile(seconds_of(0.5, 0.99), told.answers) < 2.0
    assert len(told.faults) <= 5 * seconds_of(2, 10)  # each connection of the dead worker, once
    record_property("outcome", f"{told.sentence()}, all of them connections of the dead; started again at once")


def test_a_snapshot_is_cut_short_under_its_readers(own, record_property):  # noqa: F811
    path = own.recsys_home / "snapshots" / SITE / "first.snapshot"
    with process(own, workers=2) as (client, _):
        until(path.exists)
        whole = path.read_bytes()
        before = asked(client, user_id="anna", k=12)
        until(lambda: len(children(_parent())) == 2)
        os.truncate(path, 0)
        begin = time.monotonic()
        users = itertools.cycle(["bought_much", "one_item", "anna", "nothing"])
        until(lambda: _asked_anew(client, next(users)) and path.exists() and path.read_bytes() == whole)
        made = time.monotonic() - begin
        answers = [_asked_anew(client, next(users)) for _ in range(40)]
        assert {answer.status_code for answer in answers} == {200}
        assert _asked_anew(client, "anna").json()["items"] == before["items"]
    record_property("outcome", f"a worker may die of it and is started again; the snapshot is whole {made:.1f} s later")


@pytest.fixture
def small_disk(tmp_path):
    """Settings of a disk of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk needs the right to mount one: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_the_disk_of_the_spool_is_full(own, small_disk, record_property):  # noqa: F811
    settings = own.model_copy(update={"recsys_home": small_disk, "recsys_snapshot_users": 0})
    accepted, refused = set(), set()
    app = create_app(settings)
    with running(settings, app) as client:
        with away(own):
            for number in range(100):
                batch = [viewed(f"{number:02}{place:02}") for place in range(20)]
                reply = client.post(EVENTS, json=batch)
                (accepted if reply.status_code == 202 else refused).update(event["event_id"] for event in batch)
                if reply.status_code != 202:
                    assert (reply.status_code, reply.json()["type"]) == (503, "urn:recsys:problem:no-room")
                    assert "No space left on device" in reply.json()["detail"]
                    assert reply.headers["retry-after"]
            assert accepted
            assert refused
        until(lambda: stored(own) == accepted)
        assert client.post(EVENTS, json=viewed("later")).status_code == 202
    assert stored(own) == accepted | {"elater"}
    record_property("outcome", f"{len(accepted)} events accepted and in Postgres once, {len(refused)} told 503 no-room")


def test_the_disk_of_the_host_is_full(own, small_disk, release_files, record_property):  # noqa: F811
    settings = own.model_copy(update={"recsys_home": small_disk})
    (small_disk / "filler").write_bytes(b"x" * (64 << 10))
    with running(settings) as client:
        assert asked(client, user_id="anna", k=1)["release_id"] == "first"
        assert client.post(EVENTS, json=viewed(1)).status_code == 202
        publish_release(own, "second", *release_files["second"])
        until(lambda: asked(client, user_id="anna", k=1)["release_id"] == "second")
        assert client.get("/health/ready").json()["postgres"]
    assert stored(own) == {"e1"}
    record_property("outcome", "answered from Postgres; events taken; the next release noticed")


@pytest.mark.skipif(FAKETIME is None, reason="needs libfaketime (Debian: apt-get install libfaketime)")
@pytest.mark.parametrize("jump", ["-3d", "+3d"])
def test_the_clock_jumps(own, tmp_path, release_files, jump, record_property):  # noqa: F811
    clock = tmp_path / "clock"
    clock.write_text("+0")
    faked = {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(clock)}
    faked |= {"FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}
    with process(own, **faked) as (client, _):
        until(lambda: (own.recsys_home / "snapshots" / SITE / "first.snapshot").exists())
        assert client.post(EVENTS, json=viewed(1, item="i01")).status_code == 202
        assert _because(client) == ["i01"]
        clock.write_text(jump)
        until(lambda: abs(_date(client) - datetime.now(UTC)) > timedelta(days=2))
        assert _because(client) == ["i01"]  # what was known counts on
        now = datetime.now(UTC).isoformat()
        assert client.post(EVENTS, json=viewed(2, item="i02") | {"timestamp": now}).status_code == 202
        assert client.post(EVENTS, json=viewed(3, item="i09")).status_code == 202  # stamped by the service
        until(lambda: {"e1", "e2", "e3"} <= stored(own))
        until(lambda: client.post(EVENTS, json=viewed(1, item="i01")).json()["duplicates"] == 1)
        assert client.get(ASK).json()["items"]
        publish_release(own, "second", *release_files["second"])
        until(lambda: client.get(ASK).json()["release_id"] == "second")
        clock.write_text("+0")
        until(lambda: abs(_date(client) - datetime.now(UTC)) < timedelta(days=2))
        assert client.post(EVENTS, json=viewed(4, item="i02")).status_code == 202
        assert client.get("/health/ready").json()["postgres"]
    record_property("outcome", "answers, events, duplicates and the next release as ever")


@contextmanager
def pointer_to_nowhere(settings):
    """The live release's rows are gone, as after a hand in the database that nobody should have lent."""
    with transaction(settings.postgres_dsn()) as cursor:
        cursor.execute(
            "INSERT INTO recsys.release (release_id, site, state, as_of, created_at, published)"
            " VALUES ('nowhere', %s, 'live', now(), now(), true)",
            (SITE,),
        )
        cursor.execute("UPDATE recsys.live_release SET release_id = 'nowhere', previous = 'first'")
    yield
    with transaction(settings.postgres_dsn()) as cursor:
        cursor.execute("UPDATE recsys.live_release SET release_id = 'first', previous = NULL")


def test_the_pointer_names_a_release_that_is_not_there(own, record_property):  # noqa: F811
    app = create_app(own)
    with running(own, app) as client:
        until(snapshot_answers(app))
        with pointer_to_nowhere(own):
            seen, replies = set(), 0
            moved_at = datetime.now(UTC)
            while replies < 100 or app.state.services.standing.heard_at < moved_at:
                reply = client.get(ASK)
                seen.add((reply.status_code, reply.json().get("release_id"), len(reply.json().get("items", []))))
                replies += 1
                time.sleep(0.02)
        until(lambda: client.get(ASK).json().get("release_id") == "first")
    assert {status for status, _, _ in seen} == {200}
    assert {(release, count) for _, release, count in seen} == {("first", 10)}
    record_property("outcome", "the release before goes on answering, and the log says so")


def _parent():
    """The process that started the workers."""
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            if "web_service" in child.cmdline():
                return child.pid
    raise AssertionError("no process of the service")


def _ready(parent):
    """The workers that have their snapshot open."""
    found = []
    for child in children(parent):
        with suppress(psutil.Error):
            if any(file.path.endswith(".snapshot") for file in psutil.Process(child).open_files()):
                found.append(child)
    return found


def _asked_anew(client, user):
    """Asked over a connection of its own, again where the worker died of the question."""
    for _ in range(5):
        try:
            with patient(client.base_url) as other:
                return other.get(f"/v1/{SITE}/recommendations", params={"user_id": user, "k": 12})
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError("no answer")


def _because(client):
    until(lambda: client.get(ASK).status_code == 200)  # a machine that is late says 503 for a moment
    return client.get(ASK).json()["items"][0]["because"]


def _date(client):
    return datetime.strptime(client.get("/health/live").headers["date"], "%a, %d %b %Y %H:%M:%S GMT").replace(
        tzinfo=UTC
    )
