"""A running platform with a small shop, taken through Airflow's DAGs to a live release."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from recsys.layout import Settings
from recsys.local.airflow_api import AirflowApi
from recsys.local.first_load import CHAIN

T = TypeVar("T")

FIRST, DAYS = date(2026, 3, 1), 45
PATIENCE = 1200.0
YAML = """
site: {site}
source: {{kind: simulator, params: {{seed: 5, users: 150, items: 120}}}}
interactions:
  - {{name: view, weight: 1.0, gain: 1}}
  - {{name: cart, weight: 3.0, gain: 2}}
  - {{name: purchase, weight: 5.0, gain: 3}}
schedule: {schedule}
ranker: {{iterations: 40}}
gate: {{min_users: 10}}
"""


def far_schedule() -> str:
    """Two hours and a half from now: Airflow runs at once what was due shortly before a site was added."""
    later = datetime.now(UTC) + timedelta(hours=2, minutes=30)
    return f"{{ingest_cron: {later.minute} {later.hour} * * *, train_minute: {later.minute}}}"


def write_site(folder: Path, site: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{site}.yaml").write_text(YAML.format(site=site, schedule=far_schedule()))


def until(look: Callable[[], T], *, seconds: float = PATIENCE) -> T:
    """The first true answer; fails after ``seconds``."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"waited {seconds:.0f} s in vain"
        time.sleep(1)
    return found


def start_chain(platform: Settings, site: str) -> None:
    """Airflow knows the site and has been asked to load its days; the other DAGs follow by assets."""
    with AirflowApi.connect(platform) as airflow:
        until(lambda: {f"{stage}__{site}" for stage in CHAIN} <= airflow.dag_ids(), seconds=300)
        airflow.trigger(f"ingest_events__{site}", {"start_date": FIRST.isoformat(), "days": DAYS})
