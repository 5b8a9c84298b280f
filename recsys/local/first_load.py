"""The sample site's first way through the platform: Airflow runs its DAGs, and the web service gives a first answer."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from recsys.errors import PlatformError
from recsys.layout import Settings
from recsys.local.airflow_api import PAUSE, AirflowApi, Run
from recsys.local.platform import Say
from recsys.serving.lifecycle import live_release
from recsys.serving.postgres import transaction
from recsys.sites import add_site, site_ids
from recsys.types import SiteId, UserId

SITE = "demo_shop"
DAYS = 60
"""Days of simulated events, up to yesterday: enough history before the label and the evaluation window."""
CHAIN = ("ingest_events", "build_candidates", "train_ranker", "release_recommendations")
"""The DAGs in the order in which they follow each other by assets; the first is started here."""
PARSE_PATIENCE = 90.0
RUN_PATIENCE = 900.0
"""Seconds for one DAG run, queueing included."""


def load(settings: Settings, *, say: Say) -> dict[str, Any]:
    """The sample site has a live release; returns the web service's answer for one of its users.

    A site that has one already is left as it is.

    Raises:
        PlatformError: a DAG was not parsed or a run failed; says which, and where to look.
    """
    if SITE not in site_ids(settings.sites_dir):
        add_site(settings.sites_dir, SITE)
        say(f"added the site {SITE}")
    if (live := live_release(settings.postgres_dsn(), SITE)) is not None:
        say(f"{SITE} is served by {live.release_id}")
    else:
        with AirflowApi.connect(settings) as airflow:
            _follow_the_chain(airflow, settings, say)
    return first_answer(settings, SITE)


def first_answer(settings: Settings, site: SiteId) -> dict[str, Any]:
    """A blended answer for the first user who has recommendations, or for an unknown one where nobody has."""
    key = settings.recsys_read_key.get_secret_value()
    answer = httpx.get(
        f"{settings.web_url}/v1/{site}/recommendations",
        params={"user_id": _someone(settings, site), "k": 5},
        headers={"Authorization": f"Bearer {key}"} if key else {},
        timeout=30,
        trust_env=False,
    )
    if answer.is_error:
        raise PlatformError(f"The web service answered {answer.status_code} for {site}: {answer.text[:500]}")
    return dict(answer.json())


def _someone(settings: Settings, site: SiteId) -> UserId:
    with transaction(settings.postgres_dsn()) as cursor:
        cursor.execute(
            "SELECT min(user_id) FROM recsys.slate JOIN recsys.live_release USING (release_id) WHERE site = %s", (site,)
        )
        found = cursor.fetchone()
    return found[0] if found and found[0] else "somebody"


def in_short(answer: dict[str, Any]) -> str:
    """The answer for a person: one line for each item."""
    lines = [f"recommendations of {answer['site']} for user {answer['user_id']} ({answer['release_id']}):"]
    for item in answer["items"]:
        because = f" because of {', '.join(item['because'])}" if item["because"] else ""
        lines.append(f"  {item['position']:2}  {item['title']} ({item['item_id']})  {item['source']}{because}")
    return "\n".join(lines)


def _follow_the_chain(airflow: AirflowApi, settings: Settings, say: Say) -> None:
    dag_ids = [f"{stage}__{SITE}" for stage in CHAIN]
    _wait_until_parsed(airflow, dag_ids, say)
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    first = yesterday - timedelta(days=DAYS - 1)
    begin = datetime.now(UTC)
    run = airflow.trigger(dag_ids[0], {"start_date": first.isoformat(), "days": DAYS})
    say(f"Airflow ingests {DAYS} days of {SITE} from {first}")
    _see_through(airflow, settings, run, say)
    for dag_id in dag_ids[1:]:
        if not _see_through(airflow, settings, _started_by_assets(airflow, dag_id, begin), say):
            break
    if live_release(settings.postgres_dsn(), SITE) is None:
        raise PlatformError(
            f"{SITE} has no live release although its DAGs ran: the gate refused it. "
            f"`recsys releases list --site {SITE}` says why."
        )


def _wait_until_parsed(airflow: AirflowApi, dag_ids: list[str], say: Say) -> None:
    say("waiting until Airflow has read the site's DAGs")
    end = time.monotonic() + PARSE_PATIENCE
    while missing := set(dag_ids) - airflow.dag_ids():
        if time.monotonic() > end:
            raise PlatformError(
                f"Airflow has not read {', '.join(sorted(missing))} within {PARSE_PATIENCE:.0f} s; "
                f"errors in DAG files: {json.dumps(airflow.import_errors(), indent=2) or 'none'}"
            )
        time.sleep(PAUSE)


def _started_by_assets(airflow: AirflowApi, dag_id: str, begin: datetime) -> Run:
    """The DAG's first run since ``begin``, once Airflow has started it."""
    end = time.monotonic() + RUN_PATIENCE
    while True:
        runs = [run for run in airflow.runs(dag_id) if run.run_after >= begin]
        if runs:
            return runs[-1]
        if time.monotonic() > end:
            raise PlatformError(f"{dag_id} was not started by its assets within {RUN_PATIENCE:.0f} s")
        time.sleep(PAUSE)


def _see_through(airflow: AirflowApi, settings: Settings, run: Run, say: Say) -> bool:
    """The run has succeeded; False: it said that nothing follows."""
    begin = time.monotonic()
    say(f"{run.dag_id:40} {run.state}")
    run = airflow.wait(run, RUN_PATIENCE)
    say(f"{run.dag_id:40} {run.state} after {time.monotonic() - begin:4.0f} s")
    if run.state != "success":
        states = ", ".join(f"{task}: {state}" for task, state in airflow.task_states(run).items())
        raise PlatformError(f"{run.dag_id} failed ({states}); its logs: {_task_logs(settings, run)}")
    return airflow.task_states(run).get("announce") != "skipped"


def _task_logs(settings: Settings, run: Run) -> Path:
    return settings.recsys_home.resolve() / "logs" / "airflow" / f"dag_id={run.dag_id}" / f"run_id={run.dag_run_id}"
