"""What is true of the platform as a whole, as gauges for Prometheus: what no request to the web service can know.

Each question is asked of its own store: releases and experiments of Postgres, event logs and drift of the data store,
runs of Airflow. One that is not answered costs its own gauges; ``recsys_store_reached`` says which.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final, get_args

import httpx
from prometheus_client.core import GaugeMetricFamily as Gauge

from recsys.datasets.blobs import open_blobs
from recsys.datasets.reports import Reports
from recsys.errors import RecsysError
from recsys.evaluation.drift.predictors import Compared
from recsys.evaluation.drift.report import DriftReport
from recsys.layout import Settings
from recsys.local.airflow_api import FINISHED, AirflowApi, Run
from recsys.local.servers.airflow import component_health
from recsys.serving.contracts import State
from recsys.serving.experiments import ExperimentState, experiments
from recsys.serving.lifecycle import pointers, releases
from recsys.sites import site_ids
from recsys.types import SiteId

log = logging.getLogger(__name__)

FARTHEST: Final = 20
"""Features that are told, those that drifted most."""
RUNS: Final = 10
"""Newest runs of a DAG in which its last success is looked for."""


def measure(settings: Settings) -> list[Gauge]:
    """The gauges of all sites, as the stores say now."""
    reached = Gauge("recsys_store_reached", "1: the store answered when it was asked last; 0: not.", labels=["store"])
    found = [reached]
    questions: dict[str, Callable[[Settings], Iterator[Gauge]]] = {
        "releases": of_releases,
        "event_log": of_event_logs,
        "drift": of_drift,
        "predictors": of_predictors,
        "experiments": of_experiments,
        "airflow": of_airflow,
    }
    for store, ask in questions.items():
        with _told(reached, store):
            found += list(ask(settings))
    return found


def of_releases(settings: Settings) -> Iterator[Gauge]:
    """How old what is live is, and what became of the releases before."""
    as_of = Gauge(
        "recsys_release_as_of_timestamp_seconds", "What the live release knows ends here.", labels=["site", "surface"]
    )
    since = Gauge(
        "recsys_release_activated_timestamp_seconds",
        "Since when the live release answers.",
        labels=["site", "surface"],
    )
    states = Gauge("recsys_releases", "The newest hundred releases by state.", labels=["site", "state"])
    for site in site_ids(settings.sites_dir):
        newest = releases(settings.postgres_dsn(), site)
        known = {release.release_id: release for release in newest}
        for live in pointers(settings.postgres_dsn(), site):
            since.add_metric([site, live.surface], live.activated_at.timestamp())
            if release := known.get(live.release_id):
                as_of.add_metric([site, live.surface], release.as_of.timestamp())
        count = Counter(release.state for release in newest)
        for state in get_args(State):
            states.add_metric([site, state], count[state])
    yield from (as_of, since, states)


def of_event_logs(settings: Settings) -> Iterator[Gauge]:
    """How far each site's log goes, what its newest partition holds, and how many partitions are refused."""
    end = Gauge(
        "recsys_event_log_end_timestamp_seconds", "The last interaction of the newest partition.", labels=["site"]
    )
    rows = Gauge(
        "recsys_event_log_rows", "Rows of the newest partition, by what became of them.", labels=["site", "outcome"]
    )
    refused = Gauge(
        "recsys_event_log_refused_partitions", "Partitions that were refused when ingested last.", labels=["site"]
    )
    reports = Reports(open_blobs(settings.data_url, settings))
    for site in site_ids(settings.sites_dir):
        refused.add_metric([site], len(reports.refused_partitions(site)))
        if (newest := reports.newest(site)) is None:
            continue
        if newest.last_time is not None:
            end.add_metric([site], newest.last_time.timestamp())
        counts = newest.counts
        for outcome, count in (("kept", counts.kept), ("quarantined", counts.bad), ("duplicate", counts.duplicates)):
            rows.add_metric([site, outcome], count)
    yield from (end, rows, refused)


def of_drift(settings: Settings) -> Iterator[Gauge]:
    """What of each site's last day is unlike what its live release learned from."""
    alarm = Gauge(
        "recsys_drift_alarm", "1: the check did not pass on the day looked at last.", labels=["site", "check"]
    )
    feature = Gauge(
        "recsys_drift_feature_psi", "Stability index of the features that drifted most.", labels=["site", "feature"]
    )
    day = Gauge("recsys_drift_as_of_timestamp_seconds", "End of the day looked at last.", labels=["site"])
    for site, report in _drift_reports(settings):
        day.add_metric([site], report.as_of.timestamp())
        for check in report.checks:
            alarm.add_metric([site, check.name], 0 if check.passed else 1)
        for name, change in list(report.features.items())[:FARTHEST]:
            feature.add_metric([site, name], change.psi)
    yield from (alarm, feature, day)


def of_predictors(settings: Settings) -> Iterator[Gauge]:
    """Whether each site's predictors still hold, as was seen when they were looked at last."""
    alarm = Gauge(
        "recsys_predictor_alarm",
        "1: the check of the predictor did not pass when it was looked at last.",
        labels=["site", "surface", "check"],
    )
    feature = Gauge(
        "recsys_predictor_feature_psi",
        "Stability index of the features that drifted most.",
        labels=["site", "surface", "feature"],
    )
    said = Gauge("recsys_predictor_prediction_psi", "Stability index of the predictions.", labels=["site", "surface"])
    rows = Gauge("recsys_predictor_rows", "Rows since the training that were looked at.", labels=["site", "surface"])
    became = Gauge(
        "recsys_predictor_outcome",
        "What became of predictions: gain, calibration, auc, mrr; mean, low and high of the interval.",
        labels=["site", "surface", "metric", "bound"],
    )
    for site, report in _drift_reports(settings):
        for predictor in report.predictors:
            key = [site, predictor.surface]
            for check in predictor.checks:
                alarm.add_metric([*key, check.name], 0 if check.passed else 1)
            for metric, interval in predictor.intervals.items():
                for bound, value in interval.model_dump().items():
                    became.add_metric([*key, metric, bound], value)
            if (found := predictor.found) is not None:
                rows.add_metric(key, found.rows)
            if isinstance(found, Compared):
                said.add_metric(key, found.predictions.psi)
                for name, change in list(found.features.items())[:FARTHEST]:
                    feature.add_metric([*key, name], change.psi)
    yield from (alarm, feature, said, rows, became)


def _drift_reports(settings: Settings) -> Iterator[tuple[SiteId, DriftReport]]:
    blobs = open_blobs(settings.data_url, settings)
    for site in site_ids(settings.sites_dir):
        if blobs.exists(f"drift/{site}/newest.json"):
            yield site, DriftReport.model_validate_json(blobs.get(f"drift/{site}/newest.json"))


def of_experiments(settings: Settings) -> Iterator[Gauge]:
    """How experiments that run stand, and how those before ended."""
    ramp = Gauge(
        "recsys_experiment_ramp", "Share of the users in other arms than the control.", labels=["site", "experiment"]
    )
    looked = Gauge(
        "recsys_experiment_looked_timestamp_seconds",
        "When it was judged last, or started.",
        labels=["site", "experiment"],
    )
    states = Gauge("recsys_experiments", "Experiments by state.", labels=["site", "state"])
    for site in site_ids(settings.sites_dir):
        found = experiments(settings.postgres_dsn(), site)
        count = Counter(record.state for record in found)
        for state in get_args(ExperimentState):
            states.add_metric([site, state], count[state])
        for record in found:
            if record.state == "running":
                ramp.add_metric([site, record.experiment.id], record.ramp)
                looked.add_metric([site, record.experiment.id], (record.looked_at or record.started_at).timestamp())
    yield from (ramp, looked, states)


def of_airflow(settings: Settings) -> Iterator[Gauge]:
    """Whether its servers show life, and how DAGs went; a server that was never started is left out."""
    healthy = Gauge(
        "recsys_airflow_component_healthy", "1: this server of Airflow shows life; 0: not.", labels=["component"]
    )
    for component, report in component_health(settings).items():
        if (status := report["status"]) is not None:
            healthy.add_metric([component], 1 if status == "healthy" else 0)
    yield healthy
    yield from of_runs(settings)


def of_runs(settings: Settings) -> Iterator[Gauge]:
    """How each DAG of each site went last."""
    ended = Gauge(
        "recsys_dag_last_run_timestamp_seconds", "When the last finished run ended.", labels=["dag", "site", "state"]
    )
    took = Gauge("recsys_dag_last_run_seconds", "How long the last finished run took.", labels=["dag", "site"])
    success = Gauge("recsys_dag_last_success_timestamp_seconds", "When a run last succeeded.", labels=["dag", "site"])
    running = Gauge("recsys_dag_unfinished_runs", "Runs that are queued or running.", labels=["dag", "site"])
    with AirflowApi.connect(settings) as airflow:
        for dag_id in sorted(airflow.dag_ids()):
            dag, _, site = dag_id.partition("__")
            runs = airflow.runs(dag_id, newest=RUNS)
            running.add_metric([dag, site], sum(run.state not in FINISHED for run in runs))
            over = sorted((run for run in runs if run.state in FINISHED and run.end_date), key=_end, reverse=True)
            if over:
                ended.add_metric([dag, site, over[0].state], _end(over[0]).timestamp())
                took.add_metric([dag, site], (_end(over[0]) - (over[0].start_date or _end(over[0]))).total_seconds())
            if good := next((run for run in over if run.state == "success"), None):
                success.add_metric([dag, site], _end(good).timestamp())
    yield from (ended, took, success, running)


def _end(run: Run) -> datetime:
    assert run.end_date is not None
    return run.end_date


@contextmanager
def _told(reached: Gauge, store: str) -> Iterator[None]:
    try:
        yield
    except (RecsysError, OSError, httpx.HTTPError) as fault:
        log.warning("%s was not reached, its gauges are left out: %s", store, fault)
        reached.add_metric([store], 0)
    else:
        reached.add_metric([store], 1)
