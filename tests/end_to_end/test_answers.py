"""What a user of the platform sees: Airflow runs, answers come, events change them at once."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from recsys.datasets.tables import INTERACTED
from recsys.layout import Settings
from recsys.local.airflow_api import AirflowApi
from recsys.local.status import status
from recsys.serving.lifecycle import live_release
from recsys.serving.postgres import transaction
from recsys.stages.context import open_context
from tests.end_to_end.conftest import DAYS, FIRST, far_schedule, start_chain, until, write_site
from tests.monitoring.dashboards import questions

pytestmark = [pytest.mark.platform, pytest.mark.timeout(1800)]

SITE = "e2e_shop"
BAD_SHOP = "e2e_bad_day"


@pytest.fixture(scope="module")
def web(platform: Settings) -> Iterator[httpx.Client]:
    write_site(platform.sites_dir, SITE)
    start_chain(platform, SITE)
    live = until(lambda: live_release(platform.postgres_dsn(), SITE))
    with httpx.Client(base_url=platform.web_url, timeout=60) as client:
        until(lambda: client.get("/health/ready").json().get("live_releases", {}).get(SITE) == live.release_id)
        until(lambda: client.get(f"/v1/{SITE}/recommendations").status_code == 200)
        yield client


def recommended(web: httpx.Client, **query: object) -> dict:
    answer = web.get(f"/v1/{SITE}/recommendations", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def known_user(web: httpx.Client) -> str:
    return web.get(f"/v1/{SITE}/users", params={"limit": 1}).json()[0]


def test_a_known_user_gets_ranked_items(web: httpx.Client, platform: Settings):
    answer = recommended(web, user_id=known_user(web), k=10)
    live = live_release(platform.postgres_dsn(), SITE)
    assert live is not None
    assert answer["release_id"] == live.release_id
    assert [item["position"] for item in answer["items"]] == list(range(1, 11))
    assert len({item["item_id"] for item in answer["items"]}) == 10
    assert any(item["source"].startswith("ranked:") for item in answer["items"])


def test_a_stranger_gets_popular_items(web: httpx.Client):
    answer = recommended(web, user_id="nobody-we-know", k=20)
    assert len(answer["items"]) == 20
    assert {item["source"] for item in answer["items"]} == {"popular"}


def test_three_events_change_the_next_answer_and_say_because_of_what(web: httpx.Client):
    stranger = "just-arrived"
    before = recommended(web, user_id=stranger, k=10)
    seen = [item["item_id"] for item in before["items"][:3]]
    events = [{"user_id": stranger, "item_id": item, "event_type": "view"} for item in seen]
    assert web.post(f"/v1/{SITE}/events", json=events).status_code == 202

    after = recommended(web, user_id=stranger, k=10)
    assert [item["item_id"] for item in after["items"]] != [item["item_id"] for item in before["items"]]
    explained = [item for item in after["items"] if item["because"]]
    assert explained
    assert all(set(item["because"]) <= set(seen) for item in explained)
    history = web.get(f"/v1/{SITE}/users/{stranger}/events").json()
    assert {event["item_id"] for event in history} == set(seen)


def test_a_bought_item_is_never_shown_again(web: httpx.Client):
    user = known_user(web)
    first = recommended(web, user_id=user, k=10)["items"][0]["item_id"]
    bought = {"user_id": user, "item_id": first, "event_type": "purchase", "value": 9.5}
    assert web.post(f"/v1/{SITE}/events", json=bought).status_code == 202
    for mode in ("blended", "offline", "online"):
        assert first not in {item["item_id"] for item in recommended(web, user_id=user, k=100, mode=mode)["items"]}


def test_one_day_again_by_airflows_backfill_gives_the_same_bytes(web: httpx.Client, platform: Settings):
    context = open_context(platform)
    [before] = [each for each in context.datasets.manifests(SITE) if each.day == FIRST]
    with AirflowApi.connect(platform) as airflow:
        dag_id = f"ingest_events__{SITE}"
        known = {run.dag_run_id for run in airflow.runs(dag_id)}
        airflow.backfill(dag_id, FIRST, FIRST)
        run = until(lambda: next((run for run in airflow.runs(dag_id) if run.dag_run_id not in known), None))
        assert airflow.wait(run, 600).state == "success"
    [after] = [each for each in context.datasets.manifests(SITE) if each.day == FIRST]
    assert after.content_hash == before.content_hash
    assert after.tables[INTERACTED].rows > 0


def test_a_broken_day_stops_that_day_of_that_site_alone(web: httpx.Client, platform: Settings, tmp_path: Path):
    """Seven tenths of a day's rows are broken; the day before and the other site go on."""
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    for day, broken in (("2010-12-01", 0), ("2010-12-02", 7)):
        rows = [f"1,{10000 + n},LAMP,1,{day} 08:00:00,1,{'' if n < broken else 7},UK\n" for n in range(10)]
        (tmp_path / f"{day}.csv").write_text(header + "".join(rows))
    (platform.sites_dir / f"{BAD_SHOP}.yaml").write_text(
        f"site: {BAD_SHOP}\nsource: {{kind: online_retail, params: {{path: {tmp_path}}}}}\n"
        f"interactions: [{{name: purchase}}]\nschedule: {far_schedule()}\n"
    )
    dag_id = f"ingest_events__{BAD_SHOP}"
    with AirflowApi.connect(platform) as airflow:
        until(lambda: dag_id in airflow.dag_ids())
        run = airflow.wait(airflow.trigger(dag_id, {"start_date": "2010-12-01", "days": 2}), 600)
        assert run.state == "failed"
        assert airflow.task_states(run) == {"ingest": "failed", "report": "success"}
    context = open_context(platform)
    assert [str(each.day) for each in context.datasets.manifests(BAD_SHOP)] == ["2010-12-01"]
    [refused] = status(platform, now=datetime.now(UTC))["sites"][BAD_SHOP]["refused"]
    assert refused["partition"] == "2010-12-02"
    assert refused["why"].startswith("found 7 of 10 rows bad (70.0%), expected at most 20.0%")
    assert context.reports.refused(SITE) == []
    assert len(recommended(web, user_id=known_user(web), k=10)["items"]) == 10


def test_simulated_users_visit_and_every_reaction_arrives_once(web: httpx.Client, platform: Settings):
    def arrived() -> int:
        with transaction(platform.postgres_dsn()) as cursor:
            cursor.execute(
                "SELECT count(*) FROM recsys.event AS event JOIN recsys.impression AS shown USING (site, request_id) "
                "WHERE site = %s AND event_type = 'view'",
                (SITE,),
            )
            return cursor.fetchone()[0]

    command = [sys.executable, "-m", "recsys.cli", "simulate", "--site", SITE, "--visits-per-second", "10"]
    for _ in range(3):  # a service whose machine stood still tells some to come again
        before = arrived()
        done = subprocess.run(
            [*command, "--seconds", "8", "--json"],
            env=os.environ | platform.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        report = json.loads(done.stdout)
        if report["failed"] == 0:
            break
    assert (report["visits"], report["failed"]) == (80, 0)
    assert sum(shown["slates"] for shown in report["shown"]) == 80
    clicks = sum(shown["clicks"] for shown in report["shown"])
    assert clicks > 0
    until(lambda: arrived() == before + clicks, seconds=60)


def test_a_day_that_drifted_is_named_and_starts_a_training(web: httpx.Client, platform: Settings):
    yaml = platform.sites_dir / f"{SITE}.yaml"
    yaml.write_text(yaml.read_text() + "drift: {min_day_volume: 9}\n")  # so much as on no day
    last = FIRST + timedelta(days=DAYS - 1)
    with AirflowApi.connect(platform) as airflow:
        before = {run.dag_run_id for run in airflow.runs(f"build_candidates__{SITE}")}
        run = airflow.wait(
            airflow.trigger(f"watch_drift__{SITE}", {"as_of": f"{last + timedelta(days=1)}T00:00:00Z"}), 600
        )
        assert run.state == "success"
        states = {"watch": "success", "announce": "success", "announce_predictors": "skipped"}
        assert airflow.task_states(run) == states
        started = until(
            lambda: {run.dag_run_id for run in airflow.runs(f"build_candidates__{SITE}")} - before, seconds=200
        )
    assert any("asset" in name for name in started)
    report = json.loads(open_context(platform).blobs.get(f"drift/{SITE}/{last}.json"))
    assert [check["name"] for check in report["checks"] if not check["passed"]] == ["a day's volume"]


@pytest.mark.skipif(
    not all(map(shutil.which, ("prometheus", "prometheus-node-exporter", "prometheus-postgres-exporter"))),
    reason="Prometheus and its exporters are not installed (Debian: packages of these names)",
)
def test_every_panel_of_every_dashboard_has_something_to_show(web: httpx.Client, platform: Settings):
    asked_here = [each for each in questions(SITE) if not each[0].startswith(("predictions: ", "airflow: "))]
    arms = [{"name": "live", "share": 0.5}, {"name": "plain", "share": 0.5, "mode": "popular"}]
    assert web.post(f"/v1/{SITE}/experiments", json={"id": "calm", "arms": arms}).status_code == 201
    with httpx.Client(base_url=platform.prometheus_url, timeout=60) as prometheus:

        def empty() -> list[str]:
            """Of predictions and of Airflow see tests/monitoring."""
            recommended(web, user_id=known_user(web))
            asked = {name: prometheus.get("/api/v1/query", params={"query": query}) for name, query in asked_here}
            assert all(answer.status_code == 200 for answer in asked.values())
            return [name for name, answer in asked.items() if not answer.json()["data"]["result"]]

        try:
            until(lambda: not empty(), seconds=300)
        except AssertionError:
            pytest.fail(f"no data for {', '.join(empty())}")
