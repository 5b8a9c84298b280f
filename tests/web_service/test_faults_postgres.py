"""Postgres stopped, slow and silent: answers go on as before, and every event that was accepted is in it once."""

import time

import pytest
import yaml

from recsys.serving.migrate import migrate
from recsys.testing.small_release import SITE
from recsys.testing.throwaway import settings_in
from tests.web_service.conftest import SHOP, publish_release, until
from tests.web_service.faulty import ASK, Line, OwnPostgres, asking, stored
from tests.web_service.test_taking import process


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    own = OwnPostgres(settings_in(tmp_path_factory.mktemp("own")))
    own.start()
    yield own
    own.stop()


@pytest.fixture
def fresh(server, tmp_path, release_files, request):
    """Settings of a shop on that server, with a folder for snapshots; its first release is live."""
    sites = tmp_path / "sites"
    sites.mkdir()
    (sites / f"{SITE}.yaml").write_text(yaml.safe_dump(SHOP))
    chosen = {"recsys_sites_dir": sites, "recsys_home": tmp_path / "home"}
    settings = server.create(request.node.name.removeprefix("test_")).model_copy(update=chosen)
    migrate(settings.postgres_dsn())
    publish_release(settings, "first", *release_files["first"])
    return settings


def all_there(settings, told):
    """Everything accepted is in Postgres, and nothing waits on the disk; returns the seconds that took."""
    begin = time.monotonic()
    until(lambda: set(told.accepted) <= stored(settings))
    until(lambda: not list((settings.recsys_home / "spool").glob("*.events")))
    return time.monotonic() - begin


def snapshot_there(settings):
    return lambda: (settings.recsys_home / "snapshots" / SITE / "first.snapshot").exists()


def test_stopped(server, fresh, release_files, seconds_of, record_property):
    with process(fresh) as (client, _):
        until(snapshot_there(fresh))
        with asking(client.base_url) as told:
            told.goes_on()
            server.stop()
            told.goes_on()
            time.sleep(seconds_of(0, 60))
            server.start()
            caught_up = all_there(fresh, told)
            publish_release(fresh, "second", *release_files["second"])
            until(lambda: client.get(ASK).json()["release_id"] == "second")
    all_there(fresh, told)
    assert told.faults == []
    assert told.quantile(seconds_of(0.5, 0.99), told.answers) < 0.5
    record_property("outcome", f"{told.sentence()}; all in Postgres {caught_up:.1f} s after it was back")


def test_slow(fresh, seconds_of, record_property):
    with Line(fresh).open() as line, process(line.through(fresh)) as (client, _):
        until(snapshot_there(fresh))
        with asking(client.base_url) as told:
            told.goes_on()
            line.delay = 2.0
            told.goes_on()
            time.sleep(seconds_of(0, 60))
            line.delay = 0.0
            caught_up = all_there(fresh, told)
        all_there(fresh, told)
    assert told.faults == []
    assert told.quantile(seconds_of(0.5, 0.99), told.answers) < 0.5
    assert max(seconds for _, seconds in told.replies) < seconds_of(60, 5)
    record_property("outcome", f"{told.sentence()}; all in Postgres {caught_up:.1f} s after it was quick again")


def test_vanished_without_a_word(fresh, release_files, seconds_of, record_property):
    with Line(fresh).open() as line, process(line.through(fresh)) as (client, _):
        until(snapshot_there(fresh))
        with asking(client.base_url) as told:
            told.goes_on()
            line.vanish()
            begin = time.monotonic()
            publish_release(fresh, "second", *release_files["second"])
            until(lambda: client.get(ASK).json().get("release_id") == "second")
            noticed = time.monotonic() - begin
            told.goes_on()
            time.sleep(seconds_of(0, 30))
        all_there(fresh, told)
    assert told.faults == []
    assert told.quantile(seconds_of(0.5, 0.99), told.answers) < 0.5
    record_property("outcome", f"{told.sentence()}; its successor's release answers after {noticed:.1f} s")


def test_silent(fresh, seconds_of, record_property):
    with Line(fresh).open() as line, process(line.through(fresh)) as (client, _):
        until(snapshot_there(fresh))
        with asking(client.base_url) as told:
            told.goes_on()
            line.silent = True
            told.goes_on()
            time.sleep(seconds_of(0, 60))
            line.silent = False
            caught_up = all_there(fresh, told)
        all_there(fresh, told)
    assert told.faults == []
    assert told.quantile(seconds_of(0.5, 0.99), told.answers) < 0.5
    assert max(seconds for _, seconds in told.replies) < seconds_of(60, 5)
    record_property("outcome", f"{told.sentence()}; all in Postgres {caught_up:.1f} s after it spoke again")
