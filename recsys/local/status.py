"""What runs, where, how healthy, how old each site's live release is, and what was refused: releases and days."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from rich.table import Table

from recsys.datasets.blobs import open_blobs
from recsys.datasets.reports import Reports
from recsys.errors import RecsysError, StoreError
from recsys.layout import LOOPBACK, Settings
from recsys.local import lock
from recsys.local.servers import Server, servers
from recsys.serving.contracts import RECOMMENDATIONS
from recsys.serving.lifecycle import live_release, releases
from recsys.sites import site_ids

REFUSED_SHOWN = 5
"Newest refused partitions that a person is shown of each site."
NOT_LIVE = ("refused", "failed")
"States of a newest release that a person is told of."

ADDRESSES: dict[str, Callable[[Settings], str]] = {
    "postgres": lambda s: f"{s.recsys_postgres_host}:{s.recsys_postgres_port}/{s.recsys_postgres_database}",
    "s3": lambda s: s.s3_endpoint_url,
    "mlflow": lambda s: s.tracking_uri,
    "web": lambda s: s.web_url,
    "airflow": lambda s: s.airflow_url,
    "jupyter": lambda s: s.jupyter_url,
    "exporter": lambda s: s.exporter_url,
    "prometheus": lambda s: s.prometheus_url,
    "alertmanager": lambda s: s.alertmanager_url,
    "pager": lambda s: s.pager_url,
    "node-exporter": lambda s: f"http://{LOOPBACK}:{s.recsys_node_exporter_port}",
    "postgres-exporter": lambda s: f"http://{LOOPBACK}:{s.recsys_postgres_exporter_port}",
}


def status(settings: Settings, *, now: datetime) -> dict[str, Any]:
    """The state of the platform as plain values, fit for JSON; it holds no secret.

    Returns:
        ``supervisor``: process id of the running `up`, or null. ``healthy``: every server answers.
        ``servers``: by name ``{"healthy", "address", "problem"}``, problem null where there is none.
        ``sites``: by name ``{"release_id", "activated_at", "age_seconds", "problem"}``, nulls where nothing is live;
        ``not_live``: the newest release as ``{"release_id", "state", "reason"}`` where it was refused or failed, else
        null; and ``refused``: partitions that were refused when they were ingested last, in order of time, as
        ``{"partition", "why", "report"}``; null where the event log cannot be read.
    """
    known = servers(settings)
    with ThreadPoolExecutor(len(known)) as pool:
        problems = dict(zip(known, pool.map(_problem, known.values()), strict=True))
    found = {
        name: {"healthy": problem is None, "address": _address(settings, name), "problem": problem}
        for name, problem in problems.items()
    }
    log_is_away = problems["s3"] is not None and settings.data_url.startswith("s3://")
    return {
        "supervisor": lock.holder(settings.recsys_home),
        "healthy": not any(problems.values()),
        "servers": found,
        "sites": {
            site: _live(settings, site, now) | {"refused": None if log_is_away else _refused(settings, site)}
            for site in site_ids(settings.sites_dir)
        },
    }


def render(found: dict[str, Any]) -> Table:
    """The same for a person."""
    table = Table(box=None, pad_edge=False)
    for heading in ("what", "state", "where"):
        table.add_column(heading, overflow="fold")
    for name, server in found["servers"].items():
        table.add_row(name, "healthy" if server["healthy"] else f"down: {server['problem']}", server["address"])
    for name, site in found["sites"].items():
        if site["release_id"] is None:
            table.add_row(name, site["problem"] or "no live release", "")
        else:
            age = timedelta(seconds=round(site["age_seconds"]))
            table.add_row(name, f"live for {age}", site["release_id"])
        if newest := site["not_live"]:
            table.add_row(
                "", f"the newest release does not go live. {newest['reason'] or newest['state']}", newest["release_id"]
            )
        refused = site["refused"] or []
        for each in refused[-REFUSED_SHOWN:]:
            table.add_row("", f"{each['partition']} refused: {each['why']}", each["report"])
        if len(refused) > REFUSED_SHOWN:
            table.add_row("", f"and {len(refused) - REFUSED_SHOWN} before were refused", "")
    return table


def _problem(server: Server) -> str | None:
    try:
        server.probe()
    except Exception as error:  # whatever the server's own client raises is what there is to tell
        return (str(error).strip() or type(error).__name__).splitlines()[0]
    return None


def _address(settings: Settings, server: str) -> str:
    return (ADDRESSES.get(server) or ADDRESSES[server.partition("-")[0]])(settings)


def _live(settings: Settings, site: str, now: datetime) -> dict[str, Any]:
    nothing = {"release_id": None, "activated_at": None, "age_seconds": None}
    try:
        live = live_release(settings.postgres_dsn(), site)
        newest = releases(settings.postgres_dsn(), site, limit=1, surface=RECOMMENDATIONS)
    except RecsysError as error:
        return nothing | {"not_live": None, "problem": str(error)}
    told = [each.model_dump(include={"release_id", "state", "reason"}) for each in newest if each.state in NOT_LIVE]
    not_live = {"not_live": told[0] if told else None}
    if live is None:
        return nothing | not_live | {"problem": None}
    return not_live | {
        "release_id": live.release_id,
        "activated_at": live.activated_at.isoformat(),
        "age_seconds": (now - live.activated_at).total_seconds(),
        "problem": None,
    }


def _refused(settings: Settings, site: str) -> list[dict[str, str]] | None:
    reports = Reports(open_blobs(settings.data_url, settings))
    try:
        return [
            {"partition": report.partition, "why": report.summary, "report": reports.page(report)}
            for report in reports.refused(site)
        ]
    except StoreError:  # the store's own row says that it is down, and why
        return None
