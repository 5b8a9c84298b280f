"""Live models of predictors are in memory before anybody asks for them."""

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import numpy as np
import pytest
import yaml

from recsys.local.servers.postgres import create_database
from recsys.predictors.intent import fit_intent
from recsys.serving import publishing
from recsys.serving.continuing.followers import Followers
from recsys.serving.continuing.model import NextItems
from recsys.serving.continuing.rows import Rows
from recsys.serving.migrate import migrate
from recsys.serving.postgres import transaction
from recsys.serving.predicting.session import SessionRules
from recsys.sites import parse_site
from recsys.sites.predictor_policy import IntentPolicy
from recsys.testing.buying import drawn_sessions
from recsys.testing.small_release import CATALOGUE, NOON, SITE, write_small_release
from tests.web_service.conftest import SHOP, as_web, publish_release, running, until

YAML = yaml.safe_dump({**SHOP, "predictors": {"intent": {}, "session": {}}})
RULES = SessionRules.of_site(parse_site(YAML, name="shop.yaml"))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two models of next items, one of purchase intent, and one whose files hold nothing of the kind."""
    found = {name: tmp_path_factory.mktemp(name) for name in ("next-1", "next-2", "intent", "broken")}
    for seed in (1, 2):
        follows = Followers(Rows.of_sparse(_chances(seed)), position_decay=0.5)
        NextItems(CATALOGUE[:10], follows).save(found[f"next-{seed}"])
    policy, rng = IntentPolicy(iterations=5, learning_rate=0.2), np.random.default_rng(1)
    fit_intent(drawn_sessions(300, rng=rng), RULES, policy, rng=rng).model.save(found["intent"])
    for file in found["intent"].iterdir():
        (found["broken"] / file.name).write_bytes(b"{")
    return found


def _chances(seed):
    import scipy.sparse as sp

    chances = np.random.default_rng(seed).random((10, 10)).astype(np.float32)
    np.fill_diagonal(chances, 0.0)
    return sp.csr_matrix(chances)


@pytest.fixture(scope="module")
def database(postgres, tmp_path_factory):
    """Settings of a shop with a live release of recommendations, the only site of this host."""
    name, home = "web_models_read_ahead", tmp_path_factory.mktemp("release")
    create_database(postgres, name)
    (home / f"{SITE}.yaml").write_text(YAML)
    settings = postgres.model_copy(
        update={"recsys_postgres_database": name, "recsys_sites_dir": home, "recsys_snapshot_users": 0}
    )
    migrate(settings.postgres_dsn())
    publish_release(settings, "any", home, write_small_release(home))
    return as_web(settings), settings.postgres_dsn()


@pytest.fixture
def shop(database, tmp_path, monkeypatch):
    """The same of a host whose disk is empty; no predictor is live. Its workers wait for their models, however long."""
    monkeypatch.setattr("web_service.predictors.READY_WITHIN", 600.0)
    settings, dsn = database
    with transaction(dsn) as cursor:
        cursor.execute("DELETE FROM recsys.live_release WHERE surface <> 'recommendations'")
        cursor.execute("UPDATE recsys.release SET state = 'retired' WHERE state = 'live' AND release_id <> 'any'")
    return settings.model_copy(update={"recsys_home": tmp_path})


@pytest.fixture
def serving(caplog):
    """Starts a worker that hears Postgres in time; where one does not, because the machine stood still, another."""

    @contextmanager
    def serving(settings):
        heard = False
        while not heard:
            caplog.clear()
            with running(settings) as client:
                told = [each.levelno for each in caplog.records if each.name == "web_service.predictors"]
                if heard := logging.WARNING not in told:
                    yield client

    return serving


@pytest.fixture
def live(database, folders):
    """Makes a model the live one."""

    def live(name, surface="session", site=SITE):
        dsn, release_id = database[1], f"{site}-{surface}-{name}"
        publishing.record_release(dsn, site, release_id, as_of=NOON, at=NOON, state="gated", surface=surface)
        publishing.publish_model(dsn, site, release_id, folders[name])
        publishing.activate(dsn, site, release_id, NOON)

    return live


def ask(client):
    """Which model continued a session; None: none did."""
    reply = client.get(f"/v1/{SITE}/session", params={"items": ["i01"]})
    assert reply.status_code == 200, reply.text
    return reply.json().get("model_version")


def intent(client):
    return client.get(f"/v1/{SITE}/intent", params={"session": "view,cart"}).status_code


def opened(client):
    """Where the models that were opened came from, by surface."""
    lines = client.get("/metrics").text.splitlines()
    found = [line.split('"') for line in lines if line.startswith(f'recsys_models_opened_total{{site="{SITE}"')]
    return {surface: source for _, _, _, source, _, surface, _ in found}


def told(client):
    """What a worker that is ready says of itself."""
    until(lambda: client.get("/health/ready").status_code == 200)
    return client.get("/health/ready").json()["detail"]


def test_the_first_request_of_a_worker_is_answered_by_the_live_models(shop, serving, live):
    live("next-1")
    live("intent", "intent")
    live("intent", "intent", site="a_site_of_other_hosts")
    with serving(shop) as client:
        assert opened(client).keys() == {"session", "intent"}
        assert "a_site_of_other_hosts" not in client.get("/metrics").text
        assert told(client) == ""
        assert ask(client) is not None
        assert intent(client) == 200
    with serving(shop) as client:
        assert opened(client) == {"session": "disk", "intent": "disk"}


def test_no_session_goes_without_a_model_while_the_next_one_goes_live(shop, serving, live, folders):
    first, second = (NextItems.load(folders[name]).version for name in ("next-1", "next-2"))
    live("next-1")
    answered, enough = [], Event()

    def ask_until_enough():
        while not enough.is_set():
            answered.append(ask(client))

    with serving(shop) as client, ThreadPoolExecutor(1) as thread:
        asking = thread.submit(ask_until_enough)
        try:
            until(lambda: answered or asking.done())
            live("next-2")
            until(lambda: asking.done() or answered[-1] == second)
        finally:
            enough.set()
        asking.result()
    moved = answered.index(second)
    assert moved > 0
    assert answered == [first] * moved + [second] * (len(answered) - moved)


def test_a_model_of_a_site_that_had_none_is_there_before_anybody_asks(shop, live):
    with running(shop) as client:
        assert (intent(client), ask(client), opened(client)) == (404, None, {})
        live("next-1")
        live("intent", "intent")
        until(lambda: opened(client) == {"session": "postgres", "intent": "postgres"})
        assert (intent(client), ask(client) is not None) == (200, True)


def test_what_there_is_no_room_for_is_read_when_it_is_asked_for(shop, live):
    live("intent", "intent")
    with running(shop.model_copy(update={"recsys_predictor_megabytes": 0})) as client:
        assert (opened(client), told(client)) == ({}, "")
        assert intent(client) == 200
        assert opened(client) == {"intent": "postgres"}


def test_a_worker_that_cannot_read_a_model_in_time_answers_without_and_says_so(
    shop, serving, database, live, monkeypatch
):
    monkeypatch.setattr("web_service.predictors.READY_WITHIN", 0.1)
    live("next-1")
    with transaction(database[1]) as cursor:
        cursor.execute("LOCK TABLE recsys.ranker_file")
        with serving(shop) as client:
            assert told(client) == "1 of the live models of predictors are not in memory; the log says why"
            assert ask(client) is None
            cursor.execute("ROLLBACK")
            until(lambda: told(client) == "")
            assert ask(client) is not None


def test_a_broken_model_leaves_the_others_and_what_follows(shop, serving, live):
    live("broken", "intent")
    live("next-1")
    with serving(shop) as client:
        assert opened(client).keys() == {"session", "intent"}
        assert opened(client)["intent"] == "refused"
        assert told(client).startswith("1 of the live models")
        assert (intent(client), ask(client) is not None) == (404, True)
        live("intent", "intent")
        until(lambda: intent(client) == 200)
        assert told(client) == ""
