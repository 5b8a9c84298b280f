"""The servers of the platform, one file each; a description says all that starting and waiting needs to know."""

from collections.abc import Collection
from dataclasses import replace

from recsys.layout import LOOPBACK, Settings
from recsys.local.servers.airflow import airflow
from recsys.local.servers.jupyter import jupyter
from recsys.local.servers.mlflow import mlflow
from recsys.local.servers.monitoring import monitoring
from recsys.local.servers.postgres import postgres
from recsys.local.servers.s3 import s3
from recsys.local.servers.server import PROJECT, Server
from recsys.local.servers.web import web

__all__ = ["PROJECT", "Server", "select", "servers"]


def servers(settings: Settings) -> dict[str, Server]:
    """Every server to be started, by its name, in the order in which they need each other.

    A store that the settings say lies elsewhere is not among them, and nobody waits for it.
    """
    elsewhere = {
        "postgres": settings.recsys_postgres_host not in (LOOPBACK, "localhost"),
        "s3": settings.s3_endpoint_url != f"http://{LOOPBACK}:{settings.recsys_s3_port}",
        "mlflow": settings.tracking_uri != f"http://{LOOPBACK}:{settings.recsys_mlflow_port}",
    }
    described = (
        postgres(settings),
        s3(settings),
        mlflow(settings),
        web(settings),
        *airflow(settings),
        jupyter(settings),
        *monitoring(settings),
    )
    return {
        server.name: replace(server, needs=tuple(need for need in server.needs if not elsewhere.get(need)))
        for server in described
        if not elsewhere.get(server.name)
    }


def select(settings: Settings, names: Collection[str] = ()) -> dict[str, Server]:
    """The named servers and all that they need; no names: every server."""
    known = servers(settings)
    wanted: set[str] = set()
    left = list(names or known)
    while left:
        name = left.pop()
        wanted.add(name)
        left += [need for need in known[name].needs if need not in wanted]
    return {name: server for name, server in known.items() if name in wanted}
