"""Models of predictors on a host's disk: whole or not there, shared by workers, and enough to start with."""

import json
from datetime import UTC, datetime
from threading import Thread

import numpy as np
import pytest

from recsys.errors import FeatureMismatch
from recsys.local.servers.postgres import create_database
from recsys.predictors.intent import fit_intent
from recsys.serving import publishing
from recsys.serving.migrate import migrate
from recsys.serving.predicting.session import SessionEvent, SessionRules
from recsys.sites.predictor_policy import IntentPolicy
from recsys.testing.buying import drawn_sessions
from tests.web_service.conftest import as_web, until
from tests.web_service.faulty import Line
from web_service.kept_models import KeptModels

SITE = "kept_shop"
PLACE = (SITE, "intent", "r1")
EARLY = datetime(2026, 1, 1, tzinfo=UTC)
YAML = """
site: kept_shop
source: {kind: simulator}
interactions: [{name: view}, {name: cart}, {name: purchase}]
predictors: {intent: {}}
"""
RULES = SessionRules(
    event_types=("view", "cart", "purchase"), purchase="purchase", cart="cart", remove="remove", pause_seconds=1800.0
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two models of purchase intent, saved."""
    sessions, folders = drawn_sessions(300, rng=np.random.default_rng(1)), []
    for trees in (5, 10):
        policy = IntentPolicy(iterations=trees, learning_rate=0.2)
        folders.append(tmp_path_factory.mktemp("model"))
        fit_intent(sessions, RULES, policy, rng=np.random.default_rng(2)).model.save(folders[-1])
    return folders


def files_in(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def files(folders):
    return files_in(folders[0])


@pytest.fixture
def kept(tmp_path):
    return KeptModels(tmp_path)


def test_what_is_kept_is_opened_and_remembered(kept, files, tmp_path):
    assert (kept.opened(*PLACE), kept.remembered(), kept.bytes_of(*PLACE)) == (None, {}, 0)
    kept.keep(*PLACE, files)
    assert kept.bytes_of(*PLACE) > sum(map(len, files.values()))
    kept.remember(*PLACE)
    other = KeptModels(tmp_path)
    assert other.remembered() == {(SITE, "intent"): "r1"}
    assert other.opened(*PLACE).predict([[SessionEvent("view")]])[0] > 0


def test_the_one_before_is_gone_when_the_next_one_answers(kept, files, tmp_path):
    for release_id in ("r1", "r2"):
        kept.keep(SITE, "intent", release_id, files)
        kept.remember(SITE, "intent", release_id)
    assert kept.remembered() == {(SITE, "intent"): "r2"}
    assert {path.name for path in (tmp_path / SITE / "intent").iterdir()} == {"r2", "live", ".lock"}


@pytest.mark.parametrize("spoil", ["changed", "cut", "gone", "more", "no hashes"])
def test_what_was_changed_is_left(kept, files, tmp_path, spoil):
    kept.keep(*PLACE, files)
    folder = tmp_path / SITE / "intent" / "r1"
    model, hashes = folder / "model.cbm", folder / "sha256.json"
    match spoil:
        case "changed":
            model.write_bytes(b"\0" + model.read_bytes()[1:])
        case "cut":
            model.write_bytes(model.read_bytes()[:-1])
        case "gone":
            model.unlink()
        case "more":
            (folder / "other").touch()
        case "no hashes":
            hashes.write_text("{")
    assert kept.opened(*PLACE) is None
    kept.keep(*PLACE, files)
    assert kept.opened(*PLACE) is not None


def test_many_workers_keep_it_once_and_what_a_killed_one_left_goes(kept, files, tmp_path):
    (tmp_path / SITE / "intent" / ".aside-killed").mkdir(parents=True)
    workers = [Thread(target=KeptModels(tmp_path).keep, args=(*PLACE, files)) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert {path.name for path in (tmp_path / SITE / "intent").iterdir()} == {"r1", ".lock"}
    assert kept.opened(*PLACE) is not None


def test_a_model_of_another_version_is_said_to_be_one(kept, files):
    told = json.loads(files["predictor.json"]) | {"features": ["something else"]}
    kept.keep(*PLACE, {**files, "predictor.json": json.dumps(told).encode()})
    with pytest.raises(FeatureMismatch):
        kept.opened(*PLACE)


@pytest.fixture(scope="module")
def settings(postgres, folders, tmp_path_factory):
    create_database(postgres, "web_kept_models")
    sites = tmp_path_factory.mktemp("sites")
    (sites / f"{SITE}.yaml").write_text(YAML)
    chosen = {"recsys_postgres_database": "web_kept_models", "recsys_sites_dir": sites, "recsys_snapshot_users": 0}
    settings = postgres.model_copy(update={**chosen, "recsys_home": tmp_path_factory.mktemp("home")})
    dsn = settings.postgres_dsn()
    migrate(dsn)
    for number, folder in enumerate(folders, start=1):
        how = {"as_of": EARLY, "at": EARLY, "state": "gated", "surface": "intent"}
        publishing.record_release(dsn, SITE, f"r{number}", **how)
        publishing.publish_model(dsn, SITE, f"r{number}", folder)
    publishing.activate(dsn, SITE, "r1", EARLY)
    return as_web(settings)


def intent(client):
    reply = client.get(f"/v1/{SITE}/intent", params={"session": "view,cart"})
    return reply.json() if reply.status_code == 200 else reply.status_code


def opened(client):
    """How many models were opened, by where they came from."""
    lines = [
        line for line in client.get("/metrics").text.splitlines() if line.startswith("recsys_models_opened_total{")
    ]
    return {line.partition('source="')[2].partition('"')[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_a_worker_that_starts_while_postgres_is_away_predicts_as_before(settings, serve):
    with Line(settings).open() as line:
        with serve(line.through(settings)) as client:
            before = intent(client)
            assert before["purchase_probability"] > 0
            assert opened(client) == {"postgres": 1.0}
        line.silent = True
        with serve(line.through(settings)) as client:
            assert intent(client) == before
            assert opened(client) == {"disk": 1.0}
            ready = client.get("/health/ready").json()
            assert ready["detail"].endswith("predicting from this host's disk: intent of kept_shop")
            line.silent = False
            publishing.activate(settings.postgres_dsn(), SITE, "r2", EARLY)
            until(lambda: intent(client) not in (before, 503), seconds=60)
            assert "predicting" not in client.get("/health/ready").text


def test_a_file_that_was_changed_is_fetched_again(settings, serve):
    with serve(settings) as client:
        before = intent(client)
    folder = settings.recsys_home / "predictors" / SITE / "intent"
    model = folder / "live" / "model.cbm"
    model.write_bytes(b"broken" + model.read_bytes())
    with serve(settings) as client:
        assert intent(client) == before
        assert opened(client) == {"postgres": 1.0}
    assert not model.read_bytes().startswith(b"broken")


def test_a_disk_that_takes_nothing_costs_nothing_but_memory(settings, serve, tmp_path):
    (tmp_path / "predictors").write_text("in the way")
    with serve(settings.model_copy(update={"recsys_home": tmp_path})) as client:
        assert intent(client)["purchase_probability"] > 0
