"""Any process killed with -9 while the stages run: the platform comes back, and the release is the same to the byte."""

import signal
import time
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from recsys.errors import RecsysError
from recsys.layout import Settings
from recsys.local import leftovers
from recsys.local.airflow_api import AirflowApi
from recsys.local.servers.postgres import create_database
from recsys.serving.lifecycle import live_release
from recsys.serving.migrate import migrate
from recsys.stages import build_candidates, change_release, ingest_events, release_recommendations, train_ranker
from recsys.stages.context import open_context
from tests.end_to_end.conftest import DAYS, FIRST, PATIENCE, start_chain, until, write_site

pytestmark = pytest.mark.platform

SITE = "killed_shop"
VICTIMS = ("s3", "airflow-scheduler", "mlflow", "postgres", "web", "airflow-api")
PAUSE = 15.0
"""Seconds between two kills: long enough for the stages to get somewhere."""


def undisturbed(platform: Settings, folder: Path) -> dict:
    """The manifest of the same release, made in one process with stores of its own."""
    name = "undisturbed"
    create_database(platform, name)
    settings = platform.model_copy(
        update={
            "recsys_postgres_database": name,
            "recsys_data_url": str(folder / "data"),
            "recsys_exchange_dir": folder / "exchange",
        }
    )
    migrate(settings.postgres_dsn())
    context = open_context(settings)
    ingest_events.run(site=SITE, first=FIRST, days=DAYS, context=context)
    release_id = build_candidates.run(site=SITE, context=context).release_id
    train_ranker.run(site=SITE, context=context)
    release_recommendations.run(site=SITE, context=context)
    return change_release.shown(site=SITE, release_id=release_id, context=context)["manifest"]


def is_live(platform: Settings) -> bool:
    """False also while Postgres is away."""
    try:
        return live_release(platform.postgres_dsn(), SITE) is not None
    except RecsysError:
        return False


@pytest.mark.timeout(1800)
def test_kills_change_nothing(platform: Settings, tmp_path: Path):
    write_site(platform.sites_dir, SITE)
    expected = undisturbed(platform, tmp_path)

    start_chain(platform, SITE)
    end = time.monotonic() + PATIENCE
    victims = list(VICTIMS)
    while not is_live(platform):
        assert time.monotonic() < end, states(platform)
        if victims:
            victim = victims.pop(0)
            for process in until(lambda victim=victim: leftovers.find(platform.recsys_home, victim), seconds=120):
                with suppress(psutil.NoSuchProcess):  # it ended with its parent
                    process.send_signal(signal.SIGKILL)
        time.sleep(PAUSE if victims else 2.0)

    context = open_context(platform)
    live = live_release(platform.postgres_dsn(), SITE)
    assert live is not None
    found = change_release.shown(site=SITE, release_id=live.release_id, context=context)["manifest"]
    for part in ("release_id", "data_hash", "feature_hash", "config_hash", "files"):
        assert found[part] == expected[part]
    until(lambda: answering_release(platform) == live.release_id, seconds=120)


def answering_release(platform: Settings) -> str | None:
    """Which release the web service answers with; None while it does not."""
    address = f"{platform.web_url}/v1/{SITE}/recommendations"
    with suppress(httpx.TransportError):
        return httpx.get(address, params={"user_id": "x", "k": 5}, timeout=60).json().get("release_id")
    return None


def states(platform: Settings) -> str:
    """How the runs of the site stand, for a person who reads why the test failed."""
    with AirflowApi.connect(platform) as airflow:
        dags = sorted(dag for dag in airflow.dag_ids() if dag.endswith(SITE))
        return "\n".join(
            f"{run.dag_id} {run.state} {airflow.task_states(run)}" for dag in dags for run in airflow.runs(dag)
        )
