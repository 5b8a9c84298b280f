"""Airflow as the platform starts it: four processes, a login, a site's DAGs soon after the site is added."""

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import psutil
import pytest
from rich.console import Console

from recsys.errors import PlatformError
from recsys.layout import Settings
from recsys.local import leftovers
from recsys.local.airflow_api import AirflowApi
from recsys.local.first_load import CHAIN
from recsys.local.servers import servers
from recsys.local.servers.airflow import component_health
from recsys.local.status import render, status
from recsys.sites import add_site

pytestmark = pytest.mark.platform


def until(holds: Callable[[], bool]) -> bool:
    """Whether it holds at last: soon on an idle machine, but a busy one may take its time."""
    end = time.monotonic() + 240
    while not (found := holds()) and time.monotonic() < end:
        time.sleep(0.5)
    return found


def shows_up(airflow: AirflowApi, dag_ids: set[str]) -> bool:
    return until(lambda: dag_ids <= airflow.dag_ids())


def test_status_says_that_everything_is_healthy_and_tells_no_secret(platform: Settings) -> None:
    looks: list[dict[str, Any]] = []

    def is_healthy() -> bool:
        looks.append(status(platform, now=datetime.now(UTC)))
        return bool(looks[-1]["healthy"])

    assert until(is_healthy), looks[-1]["servers"]
    found = looks[-1]
    assert found["supervisor"] == os.getpid()
    assert found["servers"].keys() == servers(platform).keys()
    console = Console(width=200, record=True, quiet=True)
    console.print(render(found))
    shown = str(found) + console.export_text()
    secret = [v for k, v in platform.environment().items() if k.endswith(("PASSWORD", "KEY", "TOKEN", "SECRET"))]
    assert [value for value in secret if value and value in shown] == []


def test_no_command_line_holds_a_secret(platform: Settings) -> None:
    commands = " ".join(word for process in leftovers.find(platform.recsys_home) for word in command_line(process))
    assert "airflow" in commands
    secret = [v for k, v in platform.environment().items() if k.endswith(("PASSWORD", "KEY", "TOKEN", "SECRET"))]
    assert [value for value in secret if value and value in commands] == []


def test_airflow_lets_nobody_in_without_the_password(platform: Settings) -> None:
    assert httpx.get(f"{platform.airflow_url}/api/v2/dags", timeout=60).status_code == 401
    guessed = platform.model_copy(update={"recsys_airflow_password": platform.recsys_admin_key})
    with pytest.raises(PlatformError, match="Airflow answered 401 to POST /auth/token"), AirflowApi.connect(guessed):
        pytest.fail("logged in with a wrong password")


def test_a_new_site_has_its_dags_by_itself(platform: Settings) -> None:
    with AirflowApi.connect(platform) as airflow:
        assert shows_up(airflow, {"maintain_storage"})
        add_site(platform.sites_dir, "demo_shop")
        assert shows_up(airflow, {f"{stage}__demo_shop" for stage in CHAIN})
        assert airflow.import_errors() == {}


def test_a_run_is_triggered_watched_and_told_apart(platform: Settings) -> None:
    with AirflowApi.connect(platform) as airflow:
        assert shows_up(airflow, {"maintain_storage"})
        run = airflow.trigger("maintain_storage")
        assert run.state == "queued"
        run = airflow.wait(run, seconds=400)
        assert run.state == "success"
        assert run.dag_run_id in {known.dag_run_id for known in airflow.runs("maintain_storage")}
        assert airflow.task_states(run)["sites"] == "success"


def test_an_unknown_dag_is_told_in_airflows_words(platform: Settings) -> None:
    with AirflowApi.connect(platform) as airflow, pytest.raises(PlatformError, match=r"404.*no_such_dag"):
        airflow.trigger("no_such_dag")


def test_a_killed_scheduler_comes_back_and_its_workers_go(platform: Settings) -> None:
    before = leftovers.find(platform.recsys_home, "airflow-scheduler")
    scheduler = min(before, key=psutil.Process.create_time)
    killed_at = datetime.now(UTC)
    os.kill(scheduler.pid, signal.SIGKILL)
    assert until(lambda: (beat := last_beat(platform)) is not None and beat > killed_at)
    assert until(lambda: not any(process.is_running() for process in before))


def command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []  # it ended since it was found


def last_beat(platform: Settings) -> datetime | None:
    """When the scheduler last showed life, as far as Airflow answers in time."""
    try:
        latest = component_health(platform)["scheduler"]["latest_scheduler_heartbeat"]
    except OSError:
        return None
    return datetime.fromisoformat(latest) if latest else None
