"""The DAGs as Airflow's scheduler runs them, with the real stages on real servers."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

import httpx
import pytest

from recsys.datasets.blobs import open_blobs
from recsys.datasets.store import DatasetStore
from recsys.layout import Settings
from recsys.local.airflow_api import AirflowApi, Run
from recsys.serving.audit import changes
from recsys.serving.lifecycle import releases
from recsys.serving.postgres import transaction

pytestmark = [pytest.mark.platform, pytest.mark.timeout(1800)]

T = TypeVar("T")
SITE, LATER, CATCHING = "small_shop", "later_shop", "catching_shop"
YAML = """\
site: {site}
source: {{kind: simulator, params: {{users: 150, items: 120}}}}
interactions:
  - {{name: view, weight: 1.0, gain: 1}}
  - {{name: cart, weight: 3.0, gain: 2}}
  - {{name: purchase, weight: 5.0, gain: 3}}
schedule: {{train_every_hours: 24, ingest_cron: 0 {hour} * * *}}
ranker: {{iterations: 20}}
gate: {{min_users: 10, min_lift_over_popularity: {lift}}}
"""
NOW = datetime.now(UTC)
FAR = (NOW.hour + 11) % 23 + 1
"An hour, other than midnight, that the clock does not reach while the tests run."
DAYS = 60
FIRST = NOW.date() - timedelta(days=DAYS)
PATIENCE = 600.0


@pytest.fixture(scope="module")
def airflow(platform: Settings) -> Iterator[AirflowApi]:
    platform.sites_dir.mkdir(parents=True, exist_ok=True)
    for site, lift in ((SITE, -1.0), (LATER, 1000.0)):
        (platform.sites_dir / f"{site}.yaml").write_text(YAML.format(site=site, lift=lift, hour=FAR))
    with AirflowApi.connect(platform) as api:
        until(lambda: {f"release_recommendations__{SITE}", f"ingest_events__{LATER}"} <= api.dag_ids())
        yield api
    for site in (SITE, LATER):
        (platform.sites_dir / f"{site}.yaml").unlink()


def until(look: Callable[[], T]) -> T:
    end = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(1)
    return found


def chain_of(airflow: AirflowApi, site: str, run: Run) -> dict[str, dict[str, str | None]]:
    """The run and those that followed it by assets, each to its end: the states of their tasks by DAG."""
    found = {}
    for stage in ("ingest_events", "build_candidates", "train_ranker", "release_recommendations"):
        if stage != "ingest_events":
            [run] = until(lambda stage=stage: airflow.runs(f"{stage}__{site}"))
        run = airflow.wait(run, PATIENCE)
        found[stage] = airflow.task_states(run)
    return found


def log_of(platform: Settings, run: Run, task: str) -> str:
    with AirflowApi.connect(platform) as api:
        path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.dag_run_id}/taskInstances/{task}/logs/1"
        return api._client.get(path).text


def days_in_the_log(platform: Settings, site: str) -> list[date]:
    store = DatasetStore(open_blobs(platform.data_url, platform))
    return [manifest.day for manifest in store.manifests(site)]


def test_a_range_becomes_a_live_release_by_assets_alone(platform: Settings, airflow: AirflowApi) -> None:
    run = airflow.trigger(f"ingest_events__{SITE}", {"start_date": FIRST.isoformat(), "days": DAYS})
    states = chain_of(airflow, SITE, run)
    assert states == {
        "ingest_events": {"ingest": "success", "report": "success"},
        "build_candidates": {"build": "success", "announce": "success"},
        "train_ranker": {"train": "success", "announce": "success"},
        "release_recommendations": {"release": "success", "announce": "success"},
    }
    assert len(days_in_the_log(platform, SITE)) == DAYS
    assert [release.state for release in releases(platform.postgres_dsn(), SITE)] == ["live"]


def test_a_release_waits_for_a_yes_where_the_site_wants_to_be_asked(platform: Settings, airflow: AirflowApi) -> None:
    """The release of the test before, as if it had not gone live yet; first declined, then approved."""
    dag_id, dsn = f"release_recommendations__{SITE}", platform.postgres_dsn()
    [release] = releases(dsn, SITE)
    with transaction(dsn) as cursor:
        cursor.execute("DELETE FROM recsys.live_release WHERE site = %s", (SITE,))
        cursor.execute("UPDATE recsys.release SET state = 'gated' WHERE site = %s", (SITE,))
    path = platform.sites_dir / f"{SITE}.yaml"
    text = path.read_text()
    path.write_text(text + "approval: {required: true}\n")
    until(lambda: "approve" in tasks_of(airflow, dag_id))
    try:
        for answer, state in (("Reject", "gated"), ("Approve", "live")):
            run = airflow.trigger(dag_id, {"release_id": release.release_id})
            asked = until(lambda run=run: waiting_for(airflow, run))
            assert asked["subject"] == f"May {release.release_id} go live?"
            assert f"{platform.tracking_uri}/#/experiments/" in asked["body"]
            until(lambda run=run, answer=answer: answered(airflow, run, answer))
            [found] = [each for each in airflow.runs(dag_id) if each.dag_run_id == run.dag_run_id]
            states = airflow.task_states(found)
            assert states["announce"] == ("success" if answer == "Approve" else "skipped"), states
            [found] = releases(dsn, SITE)
            assert found.state == state
            assert "Declined by" in found.reason or state == "live"
    finally:
        path.write_text(text)
        until(lambda: "approve" not in tasks_of(airflow, dag_id))
    assert changes(dsn, SITE)[0].reason.startswith("Approved by")


def tasks_of(airflow: AirflowApi, dag_id: str) -> set[str]:
    return {task["task_id"] for task in airflow._ask("GET", f"/api/v2/dags/{dag_id}/tasks")["tasks"]}


def waiting_for(airflow: AirflowApi, run: Run) -> dict[str, str] | None:
    """What a person is asked by the run; None: nothing yet."""
    if airflow.task_states(run).get("approve") != "awaiting_input":
        return None
    return airflow._ask("GET", f"{approval_of(run)}/hitlDetails")


def answered(airflow: AirflowApi, run: Run, answer: str) -> bool:
    """Whether the run has its answer and went on to its end.

    Airflow asks again where the answer came before it had noted that the task waits; a test may be that quick.
    """
    time.sleep(3)
    if waiting_for(airflow, run):
        airflow._ask("PATCH", f"{approval_of(run)}/hitlDetails", json={"chosen_options": [answer], "params_input": {}})
    return any(
        each.dag_run_id == run.dag_run_id and each.state in ("success", "failed") for each in airflow.runs(run.dag_id)
    )


def approval_of(run: Run) -> str:
    return f"/api/v2/dags/{run.dag_id}/dagRuns/{run.dag_run_id}/taskInstances/approve/-1"


def test_a_second_build_of_the_same_log_is_skipped_and_nothing_follows(platform: Settings, airflow: AirflowApi) -> None:
    run = airflow.wait(airflow.trigger(f"build_candidates__{SITE}"), PATIENCE)
    assert run.state == "success"
    assert airflow.task_states(run) == {"build": "success", "announce": "skipped"}
    assert "nothing new: release" in log_of(platform, run, "announce")
    assert len(airflow.runs(f"train_ranker__{SITE}")) == 1


def test_days_and_a_backfill_fill_the_log_and_start_no_training(platform: Settings, airflow: AirflowApi) -> None:
    dag_id = f"ingest_events__{LATER}"
    days = [FIRST + timedelta(days=passed) for passed in range(4)]
    by_hand = airflow.wait(airflow.trigger(dag_id, partition_key=days[0].isoformat()), PATIENCE)
    assert (by_hand.state, by_hand.partition_key) == ("success", days[0].isoformat())
    airflow.backfill(dag_id, days[0], days[-1])
    runs = [airflow.wait(run, PATIENCE) for run in airflow.runs(dag_id) if run.dag_run_id.startswith("backfill")]
    assert sorted((run.partition_key, run.state) for run in runs) == [(day.isoformat(), "success") for day in days]
    assert set(days) <= set(days_in_the_log(platform, LATER))
    assert [run for run in airflow.runs(f"build_candidates__{LATER}") if "asset" in run.dag_run_id] == []


def test_airflow_catches_up_by_itself_where_the_site_says_from_when(platform: Settings, airflow: AirflowApi) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    days = [yesterday - timedelta(days=passed) for passed in reversed(range(3))]
    path = platform.sites_dir / f"{CATCHING}.yaml"
    text = YAML.format(site=CATCHING, lift=0.0, hour=0)
    path.write_text(text.replace("schedule: {", f"schedule: {{catchup_from: {days[0]}, "))
    try:
        until(lambda: set(days) <= set(days_in_the_log(platform, CATCHING)))
    finally:
        path.unlink()
    assert days_in_the_log(platform, CATCHING)[: len(days)] == days  # midnight may have added one


def test_a_run_for_no_day_fails_at_once_and_says_what_to_do(platform: Settings, airflow: AirflowApi) -> None:
    run = airflow.wait(airflow.trigger(f"ingest_events__{LATER}"), PATIENCE)
    assert run.state == "failed"
    assert "start it with a partition key YYYY-MM-DD, or with start_date and days" in log_of(platform, run, "ingest")


def test_a_refused_release_is_a_skipped_task_that_says_why(platform: Settings, airflow: AirflowApi) -> None:
    run = airflow.trigger(f"ingest_events__{LATER}", {"start_date": FIRST.isoformat(), "days": DAYS})
    states = chain_of(airflow, LATER, run)
    assert states["release_recommendations"] == {"release": "success", "announce": "skipped"}
    [release] = airflow.runs(f"release_recommendations__{LATER}")
    assert release.state == "success"
    assert "does not go live" in log_of(platform, release, "announce")
    assert [each.state for each in releases(platform.postgres_dsn(), LATER)] == ["refused"]


def test_maintenance_serves_every_site_on_its_own(airflow: AirflowApi) -> None:
    run = airflow.wait(airflow.trigger("maintain_storage"), PATIENCE)
    states = airflow.task_states(run)
    assert run.state == "success"
    assert {state for task, state in states.items() if task.startswith("maintain")} == {"success"}
    assert len([task for task in states if task.startswith("maintain")]) >= 2


def test_the_pages_of_the_platform_are_linked_in_airflow(platform: Settings, airflow: AirflowApi) -> None:
    views = {
        view["name"]: view["href"]
        for plugin in airflow._client.get("/api/v2/plugins").json()["plugins"]
        for view in plugin["external_views"]
    }
    assert views == {
        "Recommendations": platform.web_url,
        "MLflow": platform.tracking_uri,
        "Jupyter": platform.jupyter_url,
    }
    assert httpx.get(views["MLflow"], timeout=60).status_code == 200
