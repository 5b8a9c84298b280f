"""A service on a database with one small live release, asked over a real socket."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
import yaml

from recsys.local.servers.postgres import create_database
from recsys.serving import publishing
from recsys.serving.migrate import migrate
from recsys.serving.postgres import transaction
from recsys.serving.telling import NEWS
from recsys.serving.web_role import ROLE, let_in
from recsys.testing.small_release import NOON, SITE, write_small_release
from web_service import load, taking
from web_service.app import create_app
from web_service.patience import PatientProtocol

SHOP = {
    "site": SITE,
    "title": "A small shop",
    "source": {"kind": "simulator"},
    "interactions": [
        {"name": "view", "weight": 1.0},
        {"name": "cart", "weight": 3.0},
        {"name": "purchase", "weight": 5.0},
    ],
}


@pytest.fixture(scope="session")
def web_database(postgres, tmp_path_factory):
    """Settings that name a database with every migration and a folder for sites."""
    create_database(postgres, "web")
    sites = tmp_path_factory.mktemp("sites")
    chosen = {"recsys_postgres_database": "web", "recsys_sites_dir": sites, "recsys_snapshot_users": 0}
    settings = postgres.model_copy(update=chosen)
    migrate(settings.postgres_dsn())
    return settings


@pytest.fixture(scope="session")
def release_files(tmp_path_factory):
    """Folders and row counts of two releases; anna's first item is i01 in one and i06 in the other."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("first", "second")}
    items = {"first": None, "second": "i06"}
    return {name: (folder, write_small_release(folder, first_item=items[name])) for name, folder in folders.items()}


def open_shop(settings):
    """The shop is as if nobody had used it yet, and is the only site."""
    for file in settings.sites_dir.glob("*.yaml"):
        file.unlink()
    (settings.sites_dir / f"{SITE}.yaml").write_text(yaml.safe_dump(SHOP))
    with transaction(settings.postgres_dsn()) as cursor:
        cursor.execute("TRUNCATE recsys.event, recsys.impression, recsys.erasure, recsys.live_release, recsys.release")
        cursor.execute("TRUNCATE recsys.item_update, recsys.item_availability, recsys.experiment CASCADE")


def publish_release(settings, name, folder, counts):
    dsn = settings.postgres_dsn()
    publishing.record_release(dsn, SITE, name, as_of=NOON, at=NOON, state="gated")
    publishing.publish(dsn, SITE, name, folder, counts)
    publishing.activate(dsn, SITE, name, NOON)


@pytest.fixture
def without_release(web_database):
    open_shop(web_database)
    return web_database


@pytest.fixture
def publish(without_release, release_files):
    """Publishes and activates one of the two releases."""
    return lambda name: publish_release(without_release, name, *release_files[name])


@pytest.fixture
def shop(without_release, publish):
    """Settings of the shop with its first release live."""
    publish("first")
    return without_release


@pytest.fixture(scope="module")
def module_shop(web_database, release_files):
    """The same for a whole module, for tests that do not mind each other's events."""
    open_shop(web_database)
    publish_release(web_database, "first", *release_files["first"])
    return web_database


def as_web(settings):
    """The same, with the login of the web service's own role."""
    password = settings.recsys_web_postgres_password
    let_in(settings.postgres_dsn(), password.get_secret_value())
    return settings.model_copy(update={"recsys_postgres_user": ROLE, "recsys_postgres_password": password})


@contextmanager
def running(settings, app=None, http=PatientProtocol) -> Iterator[httpx.Client]:
    """The service under uvicorn, on a port of its own; it has ended, and written what waits, when the block ends.

    A machine that stands still for some seconds neither makes it refuse who asks, nor keep events on the disk, nor
    close a connection that a request is on its way over.
    """
    server = uvicorn.Server(
        uvicorn.Config(app or create_app(settings), http=http, log_config=None, timeout_keep_alive=600)
    )
    with socket.create_server(("127.0.0.1", 0)) as listening, pytest.MonkeyPatch.context() as unhurried:
        unhurried.setattr(load, "MOST_LATE", 60.0)
        unhurried.setattr(taking, "TAKEN_WITHIN", 60.0)
        serving = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        serving.start()
        until(lambda: server.started or not serving.is_alive())
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=60) as client:
                yield client
        finally:
            server.should_exit = True
            serving.join()


@pytest.fixture(scope="session")
def serve():
    """Runs the service with other settings."""
    return running


@pytest.fixture(scope="session")
def service(web_database):
    """One service for all tests, as its client and the app; it may do in Postgres only what it needs."""
    app = create_app(as_web(web_database))
    with running(web_database, app) as client:
        yield client, app


@pytest.fixture
def client(service, shop):
    """Asks the service of all tests, after it noticed that the shop is new and its first release live."""
    return _noticed(*service, shop)


@pytest.fixture(scope="module")
def shared(service, module_shop):
    """The same for a whole module."""
    return _noticed(*service, module_shop)


def _noticed(client, app, settings):
    with transaction(settings.postgres_dsn()) as cursor:
        cursor.execute(
            "SELECT clock_timestamp(), pg_notify(%s, %s)", (NEWS, json.dumps({"kind": "changed", "site": SITE}))
        )
        (changed_at, _) = cursor.fetchone()
    standing = app.state.services.standing
    until(lambda: standing.read_at.get(SITE, changed_at) > changed_at and standing.told(SITE).sure)
    return client


def until(holds, seconds=120.0):
    """Returns as soon as it holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


@pytest.fixture
def rows(shop):
    """Asks the database itself."""

    def rows(query, *values):
        with transaction(shop.postgres_dsn()) as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()

    return rows


@pytest.fixture(scope="session")
def seconds_of(request):
    """How long a fault lasts: shortly in tests, at length in ``python -m benchmarks.faults``."""
    at_length = request.config.pluginmanager.has_plugin("benchmarks.faults")
    return lambda short, long: long if at_length else short


@pytest.fixture(scope="session")
def predicting_shop(postgres, tmp_path_factory):
    """Settings of a shop in a database of its own, with a live model of purchase intent and one of clicks."""
    from tests.web_service.predicting import open_predicting_shop  # which needs this module

    return open_predicting_shop(postgres, tmp_path_factory.mktemp("predicting"))
