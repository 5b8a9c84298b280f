"""A topic as Airflow follows it: triggerer, scheduler and worker, on a real broker."""

import time
from datetime import date

import pytest
import yaml

from recsys.datasets.blobs import open_blobs
from recsys.datasets.store import DatasetStore
from recsys.local.airflow_api import AirflowApi

pytestmark = [pytest.mark.platform, pytest.mark.timeout(1800)]

SITE, TOPIC = "streamed_shop", "streamed"
DAG = f"consume_stream__{SITE}"
PATIENCE = 600.0


def test_new_messages_start_a_run_and_are_in_the_log(platform, kafka):
    kafka.create_topic(TOPIC, partitions=2)
    where = {"bootstrap_servers": kafka.bootstrap_servers, "topic": TOPIC}
    interactions = [{"name": "view"}, {"name": "purchase"}]
    site = {"site": SITE, "source": {"kind": "kafka", "params": where}, "interactions": interactions}
    platform.sites_dir.mkdir(parents=True, exist_ok=True)
    path = platform.sites_dir / f"{SITE}.yaml"
    path.write_text(yaml.safe_dump(site))
    store = DatasetStore(open_blobs(platform.data_url, platform))
    try:
        with AirflowApi.connect(platform) as airflow:
            for day in (1, 2):
                kafka.produce(TOPIC, [_event(day, number) for number in range(10)], partitions=2)
                _until(lambda day=day: _kept(store) == {date(2026, 8, each): 10 for each in range(1, day + 1)})
            _until(lambda: {run.state for run in airflow.runs(DAG)} == {"success"})
            started = [run.dag_run_id for run in airflow.runs(f"build_candidates__{SITE}")]
            assert [run for run in started if not run.startswith("scheduled__")] == []  # the clock may start its own
    finally:
        path.unlink()


def _kept(store: DatasetStore) -> dict[date, int]:
    """By day of the messages; the clock may have ingested yesterday, too."""
    before = date(2026, 9, 1)
    return {manifest.day: manifest.counts.kept for manifest in store.manifests(SITE, before=before)}


def _event(day: int, number: int) -> str:
    said = f'"user_id":"u{number}","item_id":"i","event_type":"view","timestamp":"2026-08-0{day}T10:00:00Z"'
    return f"{{{said}}}"


def _until(holds) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.5)
