"""Airflow as four processes: API and pages, scheduler with LocalExecutor, DAG processor, triggerer."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from dotenv import dotenv_values

from recsys.layout import Settings
from recsys.local.servers import marks
from recsys.local.servers.http import answers, fetch
from recsys.local.servers.postgres import create_database
from recsys.local.servers.server import PROJECT, Server

DATABASE = "airflow"
COMMON = PROJECT / "airflow_service" / "airflow.env"
"""What the containers read too."""
HEARTBEAT_AGE = timedelta(seconds=30)
"""A component that has not written its heartbeat for longer than this is not healthy."""


def airflow(settings: Settings) -> tuple[Server, ...]:
    """The processes of Airflow; the first one brings its database up to date before it starts."""
    environment = airflow_environment(settings)

    def component(name: str, *command: str, needs: tuple[str, ...], heartbeat: str) -> Server:
        return Server(
            name=name,
            command=_airflow(*command),
            environment=environment,
            probe=_beats(settings, heartbeat),
            needs=needs,
        )

    api = Server(
        name="airflow-api",
        command=_airflow("api-server"),
        environment=environment,
        probe=answers(f"{settings.airflow_url}/api/v2/version"),
        needs=("postgres",),
        ports={"RECSYS_AIRFLOW_PORT": settings.recsys_airflow_port},
        prepare=lambda: _prepare(settings),
    )
    return (
        api,
        # A task that was running when the platform stopped starts again at once: it needs all that tasks use.
        component(
            "airflow-scheduler",
            "scheduler",
            "--skip-serve-logs",
            needs=("airflow-api", "mlflow", "s3", "web"),
            heartbeat="scheduler",
        ),
        component("airflow-dags", "dag-processor", needs=("airflow-api",), heartbeat="dag_processor"),
        component("airflow-triggerer", "triggerer", "--skip-serve-logs", needs=("airflow-api",), heartbeat="triggerer"),
    )


def airflow_environment(settings: Settings) -> dict[str, str]:
    """Airflow's configuration, whole: what is the same everywhere from COMMON, the rest from the settings."""
    home = settings.recsys_home.resolve()
    logs = home / "logs" / "airflow"
    own = {
        "AIRFLOW_HOME": home / "airflow",
        # Without this, a process title that Airflow sets is written over the variables that mark the process as ours.
        "SPT_NOENV": 1,
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": max(4, os.cpu_count() or 1),
        "AIRFLOW__CORE__DAGS_FOLDER": PROJECT / "dags",
        "AIRFLOW__CORE__PLUGINS_FOLDER": PROJECT / "plugins",
        "AIRFLOW__CORE__FERNET_KEY": settings.recsys_airflow_fernet_key.get_secret_value(),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{settings.airflow_url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{settings.recsys_airflow_user}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": _passwords_file(settings),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": settings.postgres_dsn(DATABASE),
        "AIRFLOW__API__HOST": settings.recsys_bind_host,
        "AIRFLOW__API__PORT": settings.recsys_airflow_port,
        "AIRFLOW__API__BASE_URL": settings.airflow_url,
        "AIRFLOW__API__SECRET_KEY": settings.recsys_airflow_secret_key.get_secret_value(),
        "AIRFLOW__API_AUTH__JWT_SECRET": settings.recsys_airflow_jwt_secret.get_secret_value(),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": logs,
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": logs / "dag_processor",
    }
    common = {name: value or "" for name, value in dotenv_values(COMMON).items()}
    return common | {name: str(value) for name, value in own.items()}


def component_health(settings: Settings) -> dict[str, dict[str, str | None]]:
    """Airflow's own report: per component its status and its latest heartbeat."""
    return dict(json.loads(fetch(f"{settings.airflow_url}/api/v2/monitor/health")))


def _airflow(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "airflow", *words)


def _passwords_file(settings: Settings) -> Path:
    return settings.recsys_home.resolve() / "airflow" / "passwords.json"


def _beats(settings: Settings, component: str) -> Callable[[], None]:
    def probe() -> None:
        report = component_health(settings)[component]
        if report["status"] != "healthy":
            raise ConnectionError(f"Airflow's {component} is {report['status']}")
        beat = report[f"latest_{component}_heartbeat"]
        if beat is None or datetime.now(UTC) - datetime.fromisoformat(beat) > HEARTBEAT_AGE:
            raise ConnectionError(f"Airflow's {component} last showed life at {beat}")

    return probe


def _prepare(settings: Settings) -> None:
    """Database, tables and the password file are there and of this version."""
    passwords = _passwords_file(settings)
    passwords.parent.mkdir(parents=True, exist_ok=True)
    passwords.touch(mode=0o600)
    passwords.write_text(
        json.dumps({settings.recsys_airflow_user: settings.recsys_airflow_password.get_secret_value()})
    )
    create_database(settings, DATABASE)
    dsn, installed = settings.postgres_dsn(DATABASE), version("apache-airflow")
    if marks.read(dsn) != installed:
        subprocess.run(_airflow("db", "migrate"), env=os.environ | airflow_environment(settings), check=True)
        marks.write(dsn, installed)
