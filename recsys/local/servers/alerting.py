"""Who is told of alerts: Alertmanager, where its program is installed, and the pager that tells people.

Debian's package ``prometheus-alertmanager`` brings the program; where it is absent, nobody is told.
"""

import shutil
import sys
from pathlib import Path
from typing import Final

from recsys.layout import LOOPBACK, Settings
from recsys.local.servers.http import answers
from recsys.local.servers.server import PROJECT, Server

CONFIGURATION: Final = PROJECT / "monitoring" / "alertmanager" / "alertmanager.yml"
"""What the containers' Alertmanager reads too."""
THEIR_PAGER: Final = "http://pager:9195"
"""The pager's address among the containers."""


def alerting(settings: Settings) -> tuple[Server, ...]:
    """The pager and Alertmanager, on loopback, because neither has a login; none where its program is not installed."""
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None:
        return ()
    home = settings.recsys_home.resolve()
    file = home / "run" / "alertmanager.yml"
    pager = Server(
        name="pager",
        command=(sys.executable, "-m", "recsys.local.pager"),
        probe=answers(f"{settings.pager_url}/health"),
        ports={"RECSYS_PAGER_PORT": settings.recsys_pager_port},
    )
    alertmanager = Server(
        name="alertmanager",
        command=(
            program,
            f"--config.file={file}",
            f"--storage.path={home / 'alertmanager'}",
            f"--web.listen-address={LOOPBACK}:{settings.recsys_alertmanager_port}",
            f"--web.external-url={settings.alertmanager_url}",
            "--cluster.listen-address=",  # there is one of it
        ),
        probe=answers(f"{settings.alertmanager_url}/-/ready"),
        needs=("pager",),
        ports={"RECSYS_ALERTMANAGER_PORT": settings.recsys_alertmanager_port},
        prepare=lambda: _configure(settings, file),
    )
    return pager, alertmanager


def _configure(settings: Settings, file: Path) -> None:
    """The same routes as the containers', to this platform's pager."""
    file.write_text(
        CONFIGURATION.read_text(encoding="utf-8").replace(THEIR_PAGER, settings.pager_url), encoding="utf-8"
    )
