"""The web service; it brings its database up to date before it starts."""

import shutil
import sys
from pathlib import Path
from typing import Final

from recsys.layout import Settings
from recsys.local.servers.http import answers
from recsys.local.servers.postgres import create_database
from recsys.local.servers.server import Server
from recsys.serving.web_role import ROLE, let_in

TOGETHER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Where the workers' metrics meet, so that any of them tells the sum of all; prometheus_client reads it."""


def web(settings: Settings) -> Server:
    """The HTTP API and its page."""
    metrics = settings.recsys_home.resolve() / "run" / "web-metrics"
    return Server(
        name="web",
        command=(sys.executable, "-m", "web_service"),
        probe=answers(f"{settings.web_url}/health/live"),
        environment={TOGETHER: str(metrics), **as_the_web(settings)},
        needs=("postgres",),
        ports={"RECSYS_WEB_PORT": settings.recsys_web_port},
        prepare=lambda: _prepare(settings, metrics),
    )


def as_the_web(settings: Settings) -> dict[str, str]:
    """The variables with which a process logs into Postgres as the web service's own role; none where it may not."""
    password = settings.recsys_web_postgres_password.get_secret_value()
    return {"RECSYS_POSTGRES_USER": ROLE, "RECSYS_POSTGRES_PASSWORD": password} if password else {}


def _prepare(settings: Settings, metrics: Path) -> None:
    from recsys.serving.migrate import migrate

    shutil.rmtree(metrics, ignore_errors=True)  # those of workers that are gone
    metrics.mkdir(parents=True)
    create_database(settings, settings.recsys_postgres_database)
    migrate(settings.postgres_dsn())
    if password := settings.recsys_web_postgres_password.get_secret_value():
        let_in(settings.postgres_dsn(), password)
