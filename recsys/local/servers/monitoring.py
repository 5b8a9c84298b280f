"""What watches the platform: the exporter of its gauges, and what is installed of Prometheus and its exporters.

Debian's packages of these names bring the programs; where one is absent, its server is left out.
"""

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from recsys.layout import LOOPBACK, Settings
from recsys.local.servers.alerting import alerting
from recsys.local.servers.http import answers
from recsys.local.servers.server import PROJECT, Server

RULES: Final = PROJECT / "monitoring" / "prometheus"
"""What the containers' Prometheus reads too."""
KEPT: Final = "15d"
"""How long Prometheus keeps what it scraped."""


def monitoring(settings: Settings) -> tuple[Server, ...]:
    """The exporter, what is installed, and who is told of alerts; all on loopback only, because none has a login."""
    ports = {
        "exporter": settings.recsys_exporter_port,
        "node": settings.recsys_node_exporter_port,
        "postgres": settings.recsys_postgres_exporter_port,
    }
    exporter = Server(
        name="exporter",
        command=(sys.executable, "-m", "recsys.local.exporter"),
        probe=answers(f"{settings.exporter_url}/metrics"),
        needs=("postgres",),
        ports={"RECSYS_EXPORTER_PORT": ports["exporter"]},
    )
    database = {
        "DATA_SOURCE_URI": f"{settings.recsys_postgres_host}:{settings.recsys_postgres_port}/postgres?sslmode=disable",
        "DATA_SOURCE_USER": settings.recsys_postgres_user,
        "DATA_SOURCE_PASS": settings.recsys_postgres_password.get_secret_value(),
    }
    found = (
        _installed("node", ports["node"], needs=(), environment={}),
        _installed("postgres", ports["postgres"], needs=("postgres",), environment=database),
        _prometheus(settings),
    )
    return (exporter, *(server for server in found if server is not None), *alerting(settings))


def _installed(what: str, port: int, *, needs: tuple[str, ...], environment: Mapping[str, str]) -> Server | None:
    program = shutil.which(f"prometheus-{what}-exporter")
    if program is None:
        return None
    return Server(
        name=f"{what}-exporter",
        command=(program, f"--web.listen-address={LOOPBACK}:{port}"),
        environment=environment,
        probe=answers(f"http://{LOOPBACK}:{port}/metrics"),
        needs=needs,
        ports={f"RECSYS_{what.upper()}_EXPORTER_PORT": port},
    )


def _prometheus(settings: Settings) -> Server | None:
    program = shutil.which("prometheus")
    if program is None:
        return None
    home = settings.recsys_home.resolve()
    folder = home / "run" / "prometheus"
    return Server(
        name="prometheus",
        command=(
            program,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={home / 'prometheus'}",
            f"--storage.tsdb.retention.time={KEPT}",
            f"--web.listen-address={LOOPBACK}:{settings.recsys_prometheus_port}",
            f"--web.external-url={settings.prometheus_url}",
        ),
        probe=answers(f"{settings.prometheus_url}/-/ready"),
        ports={"RECSYS_PROMETHEUS_PORT": settings.recsys_prometheus_port},
        prepare=lambda: _configure(settings, folder),
    )


def _configure(settings: Settings, folder: Path) -> None:
    """The same rules as the containers', with this platform's addresses."""
    shutil.copytree(RULES, folder, dirs_exist_ok=True)
    told = bool(alerting(settings))
    alertmanagers = [settings.alertmanager_url.removeprefix("http://")] if told else []
    (folder / "alertmanagers.yml").write_text(json.dumps([{"targets": alertmanagers}]))
    addresses = {
        "web": settings.web_url,
        "exporter": settings.exporter_url,
        "host": f"http://{LOOPBACK}:{settings.recsys_node_exporter_port}",
        "postgres": f"http://{LOOPBACK}:{settings.recsys_postgres_exporter_port}",
    }
    if told:
        addresses["pager"] = settings.pager_url
    targets = [
        {"targets": [address.removeprefix("http://")], "labels": {"job": job}} for job, address in addresses.items()
    ]
    (folder / "targets.yml").write_text(json.dumps(targets))  # which is YAML too
