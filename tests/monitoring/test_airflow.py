"""What Airflow tells in containers has the names, kinds and labels that dashboards and alerts ask for."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from gzip import decompress
from http.server import BaseHTTPRequestHandler
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE, Metric

from tests.loopback import listening
from tests.monitoring.dashboards import questions

ROOT = Path(__file__).parents[2]
REGISTRY = "_shared/observability/metrics/metrics_template.yaml"
SUFFIX = {"counter": "_total", "gauge": "", "timer": "_milliseconds"}
"""What Prometheus' receiver adds to a name, by its kind and unit."""
UP_AND_DOWN = "dag_processing.processes"
"""The one that Airflow's registry calls a counter and Airflow sends as none."""
TELL = """
from airflow.configuration import conf
from airflow.observability import stats
from airflow.observability.metrics.stats_utils import get_stats_factory

stats.initialize(factory=get_stats_factory(), export_legacy_names=conf.getboolean("metrics", "legacy_names_on"))
stats.incr("scheduler_heartbeat")
stats.gauge("pool.open_slots", 3, tags={"pool_name": "default_pool"})
stats.timing("dagrun.duration.success", 1234, tags={"dag_id": "tune__shop"})
stats.timing("dagrun.tune__shop.first_task_scheduling_delay", 1234)
for name in ("ti.start", "ti_successes", "task.duration", "operator_successes", "serde.load_serializers"):
    stats.incr(name, tags={"dag_id": "tune__shop", "task_id": "search", "operator_name": "Search"})
"""
"""A server of Airflow and a task, in short: what they send at their end."""


@cache
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yaml").read_text(encoding="utf-8"))


def environment() -> dict[str, str]:
    """What tells Airflow in containers to whom to send what."""
    found = compose()["x-airflow"]["environment"].items()
    return {name: str(value) for name, value in found if name.startswith(("AIRFLOW__METRICS__", "OTEL_"))}


@cache
def told() -> dict[str, set[str]]:
    """The labels of each metric that is sent, by its name in Prometheus, as Airflow's own registry has them."""
    airflow = find_spec("airflow")
    assert airflow is not None
    assert airflow.origin is not None
    registry = yaml.safe_load((Path(airflow.origin).parent / REGISTRY).read_text(encoding="utf-8"))
    allowed = [re.compile(each) for each in environment()["AIRFLOW__METRICS__METRICS_ALLOW_LIST"].split(",")]
    return {
        "airflow_" + re.sub(r"\W+", "_", metric["name"]) + SUFFIX[metric["type"]]: set(metric["name_variables"])
        for metric in registry["metrics"]
        if metric["name"] != UP_AND_DOWN and any(each.search(metric["name"]) for each in allowed)
    }


def asked() -> list[str]:
    """Every question of dashboards and alerts that is about Airflow's own metrics."""
    rules = yaml.safe_load((ROOT / "monitoring" / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
    alerts = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    return [query for query in (*alerts, *(query for _, query in questions("shop"))) if re.search(r"\bairflow_", query)]


@pytest.mark.parametrize("query", asked())
def test_airflow_has_what_is_asked_of_it(query):
    names = re.findall(r"\bairflow_\w+", query)
    assert names
    assert set(names) <= set(told())
    by = {label for group in re.findall(r"by \(([\w, ]+)\)", query) for label in group.split(", ")}
    assert by <= set.union(*(told()[name] for name in names))


def test_nothing_is_sent_of_single_tasks():
    """A task's process ends after one sample under a name of its own: of that, no rate can be told."""
    of_tasks = {"airflow_ti_start_total", "airflow_ti_successes_total", "airflow_task_duration_milliseconds"}
    assert len(told()) > 40
    assert not of_tasks & set(told())


def test_prometheus_takes_what_airflow_sends():
    flags = compose()["services"]["prometheus"]["command"]
    assert "--web.enable-otlp-receiver" in flags
    assert "--enable-feature=native-histograms" in flags
    sent = environment()
    assert sent["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"] == "http://prometheus:9090/api/v1/otlp/v1/metrics"
    scrape = yaml.safe_load((ROOT / "monitoring" / "prometheus" / "prometheus.yml").read_text())["global"]
    assert scrape["scrape_interval"] == f"{int(sent['OTEL_METRIC_EXPORT_INTERVAL']) // 1000}s"  # what Grafana counts on


def test_what_airflow_sends_is_what_the_names_say(tmp_path):
    with receiver() as (address, requests):
        done = subprocess.run(
            [sys.executable, "-c", TELL],
            env=os.environ
            | environment()
            | {"AIRFLOW_HOME": str(tmp_path), "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": address},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    [resource] = requests[-1].resource_metrics
    attributes = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert attributes["service.name"] == "airflow"
    assert attributes["service.instance.id"]  # the label `instance`: no two processes write one series
    found = {metric.name: metric for scope in resource.scope_metrics for metric in scope.metrics}
    assert {name: kind_of(metric) for name, metric in found.items()} == {
        "airflow.scheduler_heartbeat": "counter",
        "airflow.pool.open_slots": "gauge",
        "airflow.dagrun.duration.success": "timer",
    }
    [point] = found["airflow.pool.open_slots"].gauge.data_points
    assert [(each.key, each.value.string_value) for each in point.attributes] == [("pool_name", "default_pool")]


def kind_of(metric: Metric) -> str:
    """Which of Airflow's kinds a metric is, if Prometheus can take it as that."""
    if metric.HasField("gauge"):
        return "gauge"
    if metric.HasField("sum"):
        assert metric.sum.is_monotonic
        assert metric.sum.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE
        return "counter"
    assert metric.exponential_histogram.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE
    assert metric.unit == "ms"
    return "timer"


@contextmanager
def receiver() -> Iterator[tuple[str, list[ExportMetricsServiceRequest]]]:
    """The address of a server that takes metrics by OTLP over HTTP, and what it took."""
    taken: list[ExportMetricsServiceRequest] = []

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            packed = self.headers.get("Content-Encoding") == "gzip"
            taken.append(ExportMetricsServiceRequest.FromString(decompress(body) if packed else body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with listening(Taker) as address:
        yield f"{address}/v1/metrics", taken
