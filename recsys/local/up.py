"""``python -m recsys.local.up``: the whole platform, from nothing to a first answer, until Ctrl-C."""

import sys
import threading
import time
from pathlib import Path

from rich.console import Console

from recsys.errors import RecsysError
from recsys.layout import Settings
from recsys.local import first_load, secrets
from recsys.local.platform import Say, running, story, watch
from recsys.local.servers import servers
from recsys.local.stopping import Stopped, told_to_stop
from recsys.local.supervisor import Supervisor

WATCH_EVERY = 1.0
"""Seconds between two looks at the servers."""


def up(settings: Settings, *, say: Say) -> None:
    """Starts every server, loads the sample site if it is not served yet, says where everything is, and stays.

    Returns when the process is told to stop; no process of the platform is left then.

    Raises:
        PlatformError: a server or a DAG of the first load failed. The platform was stopped.
    """
    begin = time.monotonic()
    try:
        with told_to_stop(), running(settings, say=say) as supervisor:
            threading.Thread(target=_tell, args=(supervisor, say), daemon=True).start()
            answer = first_load.load(settings, say=say)
            say(f"\n{first_load.in_short(answer)}\n\n{addresses(settings)}")
            say(f"\nready after {time.monotonic() - begin:.0f} s; Ctrl-C or `make down` ends it")
            while supervisor.ended() is None:
                time.sleep(WATCH_EVERY)
            watch(supervisor, say)
    except Stopped:
        say("every process has ended; all data is kept")


def _tell(supervisor: Supervisor, say: Say) -> None:
    """Tell of servers that end, until the process manager does."""
    while supervisor.ended() is None:
        for incident in supervisor.incidents():
            say(story(incident, supervisor))
        time.sleep(WATCH_EVERY)


def addresses(settings: Settings) -> str:
    """Where everything is and how to log in. Shown to who started the platform, never logged."""
    token = settings.recsys_jupyter_token.get_secret_value()
    password = settings.recsys_airflow_password.get_secret_value()
    watched = {
        "prometheus": f"Prometheus {settings.prometheus_url}",
        "alertmanager": f"Alertmanager {settings.alertmanager_url}",
    }
    known = servers(settings)
    return "\n".join(
        (
            f"web      {settings.web_url}  its API: {settings.web_url}/docs",
            f"Airflow  {settings.airflow_url}  user {settings.recsys_airflow_user}, password {password}",
            f"MLflow   {settings.tracking_uri}",
            f"Jupyter  {settings.jupyter_url}/lab?token={token}",
            f"S3       {settings.s3_endpoint_url}  keys in .env",
            f"Postgres {settings.recsys_postgres_host}:{settings.recsys_postgres_port}  password in .env",
            *(line for server, line in watched.items() if server in known),
        )
    )


def main() -> None:
    """Start with the secrets of ``.env`` in this folder, made where they are missing."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    try:
        up(secrets.complete(Path(".env")), say=console.print)
    except RecsysError as error:
        sys.exit(f"\n{error}")


if __name__ == "__main__":
    main()
