"""Predictions over HTTP: what is served is what was trained, from raw events and raw rows."""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from statistics import median

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.events.schema import INTERACTIONS, ITEM_UPDATES
from recsys.local.servers.postgres import create_database
from recsys.predictors.ctr import fit_ctr
from recsys.predictors.intent import fit_intent, prefixes_of, read_sessions
from recsys.serving import publishing
from recsys.serving.feedback import read_events
from recsys.serving.item_updates import read_item_updates
from recsys.serving.migrate import migrate
from recsys.serving.postgres import transaction
from recsys.serving.predicting.clicks import ClickProbability
from recsys.serving.predicting.intent import PurchaseIntent
from recsys.serving.predicting.session import SessionEvent, SessionRules
from recsys.sites.predictor_policy import CtrPolicy, IntentPolicy, RecurrentPolicy
from recsys.testing.buying import drawn_sessions
from recsys.testing.clicks import CLICK, drawn_clicks
from tests.web_service.conftest import as_web, until
from tests.web_service.faulty import Line

NAME = "predicting_shop"
EARLY = datetime(2026, 1, 1, tzinfo=UTC)
YAML = """
site: predicting_shop
source: {kind: simulator}
interactions: [{name: view}, {name: cart}, {name: purchase}]
predictors: {intent: {}, ctr: {}}
"""
RULES = SessionRules(
    event_types=("view", "cart", "purchase"), purchase="purchase", cart="cart", remove="remove", pause_seconds=1800.0
)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders of two models of purchase intent and one of click probability."""
    sessions = drawn_sessions(600, rng=np.random.default_rng(1))
    folders = {}
    for name, trees in (("intent-1", 10), ("intent-2", 25)):
        policy = IntentPolicy(iterations=trees, learning_rate=0.2)
        folders[name] = tmp_path_factory.mktemp(name)
        fit_intent(sessions, RULES, policy, rng=np.random.default_rng(2)).model.save(folders[name])
    rows, _ = drawn_clicks(8_000, rng=np.random.default_rng(3))
    folders["ctr-1"] = tmp_path_factory.mktemp("ctr")
    fit_ctr(rows, CtrPolicy(iterations=20, learning_rate=0.2)).model.save(folders["ctr-1"])
    return folders


@pytest.fixture(scope="module")
def settings(postgres, tmp_path_factory):
    create_database(postgres, "web_predicting")
    sites = tmp_path_factory.mktemp("sites")
    (sites / f"{NAME}.yaml").write_text(YAML)
    chosen = {"recsys_postgres_database": "web_predicting", "recsys_sites_dir": sites, "recsys_snapshot_users": 0}
    settings = postgres.model_copy(update={**chosen, "recsys_home": tmp_path_factory.mktemp("home")})
    migrate(settings.postgres_dsn())
    return settings


@pytest.fixture(scope="module")
def client(settings, serve):
    with serve(as_web(settings)) as client:
        yield client


@pytest.fixture
def live(settings, models):
    """Makes one of the models the live one of its surface."""
    dsn = settings.postgres_dsn()

    def live(release_id):
        surface = release_id.partition("-")[0]
        publishing.record_release(dsn, NAME, release_id, as_of=EARLY, at=EARLY, state="gated", surface=surface)
        publishing.publish_model(dsn, NAME, release_id, models[release_id])
        publishing.activate(dsn, NAME, release_id, EARLY)

    with transaction(dsn) as cursor:
        cursor.execute("DELETE FROM recsys.live_release")
    return live


def ask(client, **question):
    return client.get(f"/v1/{NAME}/intent", params=question)


def intent(client, **question):
    reply = ask(client, **question)
    assert reply.status_code == 200, reply.text
    return reply.json()


def as_requested(rows):
    """The rows as a client sends them."""
    return json.loads(rows.drop(CLICK).with_columns(pl.col(c.TIMESTAMP).dt.to_string("iso:strict")).write_json())


def test_without_a_model_there_is_nothing_to_be_asked(client, live):
    replies = lambda: (ask(client, session="view"), client.post(f"/v1/{NAME}/ctr", json={"rows": [{"a": 1}]}))  # noqa: E731
    until(lambda: all(reply.status_code == 404 for reply in replies()))
    before = counted(client, "prediction_requests_total", outcome="missing")
    for reply in replies():
        assert reply.json()["type"].endswith("no-live-release")
    assert counted(client, "prediction_requests_total", outcome="missing") == before + 1


def test_a_session_is_told_by_the_types_of_its_events(client, live, models):
    live("intent-1")
    until(lambda: ask(client, session="view").status_code == 200)
    model = PurchaseIntent.load(models["intent-1"])
    for said in ("view", "view,add", "view,view,cart,view", "", "nonsense,view", "view,purchase"):
        events = [SessionEvent(each) for each in said.split(",")]
        expected = {"purchase_probability": model.predict([events]).tolist()[0], "model_version": model.version}
        assert intent(client, session=said) == expected
    assert (
        intent(client, session="view,cart")["purchase_probability"]
        > intent(client, session="view")["purchase_probability"]
    )


@pytest.fixture
def network(models, tmp_path):
    """A recurrent network of purchase intent; its folder stands beside the others."""
    pytest.importorskip("jax", reason="the extra neural is not installed")
    sessions = drawn_sessions(600, rng=np.random.default_rng(1))
    small = IntentPolicy(model="recurrent", recurrent=RecurrentPolicy(hidden_size=4, epochs=1))
    models["intent-network"] = tmp_path
    fit_intent(sessions, RULES, small, rng=np.random.default_rng(2)).model.save(tmp_path)
    return PurchaseIntent.load(tmp_path)


def test_trees_are_followed_by_a_recurrent_network_and_nobody_notices(client, live, network):
    live("intent-1")
    until(lambda: ask(client, session="view").status_code == 200)
    live("intent-network")
    until(lambda: intent(client, session="view")["model_version"] == network.version)
    events = [SessionEvent(each) for each in ("view", "add", "view")]
    assert intent(client, session="view,add,view")["purchase_probability"] == network.predict([events])[0]


def test_the_live_session_of_a_user_has_the_features_of_training(client, live, models, settings):
    """Told over HTTP, read back as training reads it: the same numbers, so the same probability, to the bit."""
    live("intent-1")
    version = PurchaseIntent.load(models["intent-1"]).version
    until(lambda: ask(client, session="view").json().get("model_version") == version)
    now = datetime.now(UTC)
    told = []
    rng = np.random.default_rng(4)
    for item in range(5):
        facts = {"kind": "item_update", "item_id": f"i{item}", "category": f"c{item % 2}"}
        told.append({**facts, "price": 5.0 + item, "timestamp": (now - timedelta(days=2)).isoformat()})
        told.append({**facts, "price": 50.0, "timestamp": (now - timedelta(minutes=6, seconds=30)).isoformat()})
    users = [f"user-{n}" for n in range(40)]
    for user in users:
        for minute in sorted(rng.uniform(1, 14, rng.integers(1, 9)), reverse=True):
            at = (now - timedelta(minutes=minute)).isoformat()
            kind = ("view", "view", "cart")[rng.integers(3)]
            told.append({"user_id": user, "item_id": f"i{rng.integers(6)}", "event_type": kind, "timestamp": at})
    assert client.post(f"/v1/{NAME}/events", json=told).status_code == 202
    span = (settings.postgres_dsn(), NAME, EARLY, now + timedelta(days=1))
    interactions = pl.DataFrame(read_events(*span), schema=INTERACTIONS, orient="row")
    updates = pl.DataFrame(read_item_updates(*span), schema=ITEM_UPDATES, orient="row")
    sessions = read_sessions(interactions, updates, RULES, until=now + timedelta(days=1))
    assert {session.user_id for session in sessions} == set(users)
    prefixes = prefixes_of(sessions, RULES)
    ends = np.append(prefixes.session[1:] != prefixes.session[:-1], True)
    trained = PurchaseIntent.load(models["intent-1"]).scorer.predict(prefixes.examples.table[ends])
    served = [intent(client, user_id=session.user_id)["purchase_probability"] for session in sessions]
    assert served == trained.tolist()
    assert len(set(served)) > 10


def test_a_session_that_is_over_is_not_looked_at(client, live):
    live("intent-1")
    until(lambda: ask(client, session="view").status_code == 200)
    then = (datetime.now(UTC) - timedelta(minutes=31)).isoformat()
    event = {"user_id": "gone", "item_id": "i1", "event_type": "cart", "timestamp": then}
    assert client.post(f"/v1/{NAME}/events", json=event).status_code == 202
    assert intent(client, user_id="gone") == intent(client) == intent(client, user_id="nobody")
    assert intent(client, user_id="gone", session="cart") == intent(client, session="cart")


def test_every_row_has_its_probability(client, live, models):
    live("ctr-1")
    rows = as_requested(drawn_clicks(1000, rng=np.random.default_rng(5))[0])
    until(lambda: client.post(f"/v1/{NAME}/ctr", json={"rows": rows[:1]}).status_code == 200)
    model = ClickProbability.load(models["ctr-1"])
    for some in (rows, rows[:1], rows[:2][::-1], [{**rows[0], "category": "never seen", "price": None, "other": 1}]):
        reply = client.post(f"/v1/{NAME}/ctr", json={"rows": some}).json()
        assert reply["model_version"] == model.version
        assert [each["click_probability"] for each in reply["predictions"]] == model.predict(some).tolist()


def test_an_erased_user_is_nobody_until_a_model_has_not_seen_what_was_erased(client, live, models, settings):
    live("ctr-1")
    rows = as_requested(drawn_clicks(200, rng=np.random.default_rng(3))[0])
    model, (gone, stays) = (
        ClickProbability.load(models["ctr-1"]),
        list(dict.fromkeys(row[c.USER_ID] for row in rows))[:2],
    )
    rows = [{**rows[0], c.USER_ID: user} for user in (gone, stays, None)]
    known, other, nobody = model.predict(rows).tolist()
    assert len({known, other, nobody}) == 3

    def said():
        reply = client.post(f"/v1/{NAME}/ctr", json={"rows": rows})
        return [each["click_probability"] for each in reply.json().get("predictions", [])]

    until(lambda: said() == [known, other, nobody])
    assert client.delete(f"/v1/{NAME}/users/{gone}").status_code == 200
    until(lambda: said() == [nobody, other, nobody])
    dsn, later = settings.postgres_dsn(), datetime.now(UTC)
    publishing.record_release(dsn, NAME, "ctr-2", as_of=later, at=later, state="gated", surface="ctr")
    publishing.publish_model(dsn, NAME, "ctr-2", models["ctr-1"])
    publishing.activate(dsn, NAME, "ctr-2", later)
    until(lambda: said() == [known, other, nobody])
    publishing.activate(dsn, NAME, "ctr-1", later)
    until(lambda: said() == [nobody, other, nobody])


def test_missing_columns_are_named(client, live):
    live("ctr-1")
    row = as_requested(drawn_clicks(1, rng=np.random.default_rng(5))[0])[0]
    until(lambda: client.post(f"/v1/{NAME}/ctr", json={"rows": [row]}).status_code == 200)
    short = {name: value for name, value in row.items() if name not in ("price", "position")}
    reply = client.post(f"/v1/{NAME}/ctr", json={"rows": [row, short]})
    assert reply.status_code == 422
    assert {fault["field"] for fault in reply.json()["errors"]} == {"rows.price", "rows.position"}
    assert "row 1" in reply.json()["detail"]
    assert client.post(f"/v1/{NAME}/ctr", json={"rows": []}).status_code == 422
    assert client.post(f"/v1/{NAME}/ctr", json={"rows": [{**row, "price": [1]}]}).status_code == 422


def test_the_model_follows_the_pointer(client, live, models, settings):
    versions = {name: PurchaseIntent.load(models[name]).version for name in ("intent-1", "intent-2")}
    live("intent-1")
    until(lambda: ask(client, session="view").status_code == 200)
    until(lambda: intent(client, session="view")["model_version"] == versions["intent-1"])
    live("intent-2")
    until(lambda: intent(client, session="view")["model_version"] == versions["intent-2"])
    publishing.rollback(settings.postgres_dsn(), NAME, EARLY, surface="intent")
    until(lambda: intent(client, session="view")["model_version"] == versions["intent-1"])


def test_a_model_of_another_version_leaves_the_last_one_in_place(client, live, models, tmp_path):
    live("intent-1")
    until(lambda: ask(client, session="view").status_code == 200)
    before = intent(client, session="view")
    manifest = json.loads((models["intent-1"] / "predictor.json").read_text())
    (tmp_path / "model.cbm").write_bytes((models["intent-1"] / "model.cbm").read_bytes())
    (tmp_path / "predictor.json").write_text(json.dumps({**manifest, "features": ["something else"]}))
    models["intent-strange"] = tmp_path
    live("intent-strange")

    def refused():
        assert intent(client, session="view") == before
        return f'recsys_models_opened_total{{site="{NAME}",source="refused",surface="intent"}}' in metrics()

    def metrics():
        return client.get("/metrics").text

    until(refused)
    assert intent(client, session="view") == before


def test_models_in_memory_answer_while_postgres_is_silent(settings, serve, live):
    live("intent-1")
    with Line(settings).open() as line, serve(line.through(settings)) as client:
        before = intent(client, session="view,cart")
        line.silent = True
        seconds = []
        for _ in range(20):
            started = time.monotonic()
            assert intent(client, session="view,cart") == before
            seconds.append(time.monotonic() - started)
            time.sleep(0.1)
        line.silent = False
        assert median(seconds) < 1


def test_what_was_said_is_counted(client, live):
    live("intent-1")
    until(lambda: ask(client, session="view").status_code == 200)
    said = counted(client, "predictions_count")
    given = counted(client, "prediction_requests_total", outcome="given")
    intent(client, session="view,cart")
    assert counted(client, "predictions_count") == said + 1
    assert counted(client, "prediction_requests_total", outcome="given") == given + 1


def test_nothing_is_counted_of_a_site_that_is_not_there(client, live):
    assert client.get("/v1/nobodys_shop/intent", params={"session": "view"}).status_code == 404
    assert "nobodys_shop" not in client.get("/metrics").text


def counted(client, name, **labels):
    """How often, of purchase intent of the site."""
    labels = {**labels, "site": NAME, "surface": "intent"}
    told = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    lines = client.get("/metrics").text.splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"recsys_{name}{{{told}}}"))


def test_importing_the_service_loads_no_library_of_models():
    show = "import sys, web_service.app; print({'numpy', 'catboost', 'pandas', 'polars'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True).stdout == "set()\n"
