"""What a service counts of predictions, and what the exporter says of their drift, is there for every panel."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

import httpx
import pytest
import yaml
from prometheus_client import CollectorRegistry, start_http_server

from recsys.datasets.blobs import open_blobs
from recsys.evaluation.bootstrap import Interval
from recsys.evaluation.drift.distributions import Change
from recsys.evaluation.drift.outcomes import Outcome
from recsys.evaluation.drift.predictors import Compared, Continued, PredictorDrift
from recsys.evaluation.drift.report import DriftReport
from recsys.evaluation.gate.check import Check
from recsys.local import measuring
from recsys.local.exporter import Measured
from recsys.local.measuring import of_predictors, of_releases
from recsys.local.ports import free_block
from recsys.serving import lifecycle, publishing
from recsys.serving.migrate import migrate
from recsys.sites import add_site
from tests.monitoring.dashboards import questions
from web_service import telemetry
from web_service.telemetry import Telemetry

SITE = "demo_shop"
AT = datetime(2026, 1, 1, tzinfo=UTC)
HOLDS = Interval(mean=0.7, low=0.6, high=0.8)


@pytest.fixture
def exporter(createdb, tmp_path) -> CollectorRegistry:
    """A site whose predictors were looked at."""
    settings = createdb().model_copy(update={"recsys_home": tmp_path, "recsys_data_url": str(tmp_path / "data")})
    dsn = settings.postgres_dsn()
    migrate(dsn)
    add_site(settings.sites_dir, SITE)
    far = Change(psi=0.4, ks=0.2)
    became = Outcome(rows=900, log_loss=0.3, base_rate_log_loss=0.5, gain=HOLDS, calibration=HOLDS, auc=HOLDS)
    compared = Compared(rows=900, features={"price": far}, predictions=far, outcome=became, auc_before=0.7)
    check = Check(name="the AUC", passed=False, found="0.5", expected="0.6")
    drifted, files = [], tmp_path / "model"
    files.mkdir()
    (files / "model.cbm").write_bytes(b"trees")
    for surface in ("intent", "ctr"):
        lifecycle.record_release(dsn, SITE, surface, as_of=AT, at=AT, state="gated", surface=surface)
        publishing.publish_model(dsn, SITE, surface, files)
        lifecycle.activate(dsn, SITE, surface, AT, by="test", reason="")
        drifted.append(
            PredictorDrift(surface=surface, release_id=surface, trained_as_of=AT, checks=(check,), found=compared)
        )
    continued = Continued(rows=900, mrr=HOLDS, mrr_before=0.7, unknown_items=0.1)
    drifted.append(
        PredictorDrift(surface="session", release_id="s", trained_as_of=AT, checks=(check,), found=continued)
    )
    report = DriftReport(site=SITE, as_of=AT, checks=(), features={}, scores={}, predictors=tuple(drifted))
    open_blobs(settings.data_url, settings).put(f"drift/{SITE}/newest.json", report.model_dump_json().encode())
    measured, registry = Measured(), CollectorRegistry()
    registry.register(measured)
    measured.take([*of_releases(settings), *of_predictors(settings)], AT.timestamp())
    return registry


@pytest.fixture
def service() -> Telemetry:
    """A service that was asked for predictions."""
    counted = Telemetry()
    ask(counted)
    return counted


def ask(counted: Telemetry) -> None:
    for route, surface in (("/v1/{site}/intent", "intent"), ("/v1/{site}/ctr", "ctr"), ("/v1/{site}/session", None)):
        counted.count_request("GET", route, 200, 0.01)
        if surface:
            with counted.asked(SITE, surface):
                counted.predictions.labels(SITE, surface).observe(0.3)
    counted.sessions.labels(SITE, "session_neighbours").inc()
    counted.continuing.labels(SITE).observe(0.004)
    counted.note()


@pytest.fixture
def prometheus(exporter, service, tmp_path) -> Iterator[httpx.Client]:
    """Scrapes both every half second."""
    servers = [start_http_server(0, "127.0.0.1", registry) for registry in (exporter, service.registry)]
    targets = [f"127.0.0.1:{server.server_port}" for server, _ in servers]
    job = {"job_name": "both", "static_configs": [{"targets": targets}]}
    config = {"global": {"scrape_interval": "500ms"}, "scrape_configs": [job]}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_block(1)}"
    command = [
        "prometheus",
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'series'}",
        f"--web.listen-address={address}",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://{address}", timeout=60) as client:
            yield client
    finally:
        process.terminate()
        process.wait(60)
        for server, thread in servers:
            server.shutdown()
            server.server_close()
            thread.join()


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="Prometheus is not installed (Debian: prometheus)")
def test_every_panel_has_something_to_show(prometheus, service):
    asked = [each for each in questions(SITE) if each[0].startswith("predictions: ")]
    assert len(asked) >= 12
    until = monotonic() + 300
    while (empty := unanswered(prometheus, asked)) and monotonic() < until:
        ask(service)
        sleep(0.5)
    assert empty == []


def unanswered(prometheus: httpx.Client, asked: list[tuple[str, str]]) -> list[str]:
    """Panels to which there is no answer, or none that is a number."""
    found = []
    for name, query in asked:
        try:
            answer = prometheus.get("/api/v1/query", params={"query": query})
        except httpx.TransportError:  # it has not started yet
            return [name for name, _ in asked]
        if answer.status_code == 503:
            return [name for name, _ in asked]
        assert answer.status_code == 200, (name, answer.text)
        values = [each["value"][1] for each in answer.json()["data"]["result"]]
        if not values or "NaN" in values:
            found.append(name)
    return found


def test_every_metric_has_a_panel():
    sources = (Path(telemetry.__file__), Path(measuring.__file__))
    told = {name for source in sources for name in re.findall(r'"(recsys_\w+)"', source.read_text(encoding="utf-8"))}
    shown = " ".join(query for _, query in questions(SITE))
    assert [name for name in sorted(told) if name not in shown] == []
