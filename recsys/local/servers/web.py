"""The web service under uvicorn; it brings its database up to date before it starts."""

import sys

from recsys.layout import Settings
from recsys.local.servers.http import answers
from recsys.local.servers.postgres import create_database
from recsys.local.servers.server import Server


def web(settings: Settings) -> Server:
    """The HTTP API and its page."""
    return Server(
        name="web",
        command=(
            *(sys.executable, "-m", "uvicorn", "web_service.app:create_app", "--factory"),
            *("--host", settings.recsys_bind_host, "--port", str(settings.recsys_web_port)),
            *("--workers", str(settings.recsys_web_workers), "--no-access-log"),
        ),
        probe=answers(f"{settings.web_url}/health/live"),
        needs=("postgres",),
        ports={"RECSYS_WEB_PORT": settings.recsys_web_port},
        prepare=lambda: _prepare(settings),
    )


def _prepare(settings: Settings) -> None:
    from recsys.serving.migrate import migrate

    create_database(settings, settings.recsys_postgres_database)
    migrate(settings.postgres_dsn())
