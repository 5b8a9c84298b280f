"""Settings of a platform that is thrown away: for tests and benchmarks with real servers."""

from pathlib import Path
from typing import Any

from recsys.layout import Settings
from recsys.local import secrets
from recsys.local.ports import free_block
from recsys.local.servers.s3 import INNER

MONITORING = ("exporter", "prometheus", "node_exporter", "postgres_exporter", "alertmanager", "pager")
PORTS = ("postgres", "s3", "mlflow", "airflow", "web", "jupyter", *MONITORING)


def settings_in(folder: Path) -> Settings:
    """Settings of a platform of its own: folders, free ports and fresh secrets; no .env is read."""
    first = free_block(len(PORTS) + len(INNER))
    chosen: dict[str, Any] = {f"recsys_{name}_port": first + offset for offset, name in enumerate((*PORTS, "s3_inner"))}
    chosen |= {name: make() for name, make in secrets.GENERATED.items()}
    chosen |= {"recsys_home": folder / "home", "recsys_exchange_dir": folder / "exchange"}
    chosen |= {"recsys_data_url": "", "recsys_sites_dir": None, "mlflow_tracking_uri": "", "recsys_s3_endpoint_url": ""}
    return Settings(_env_file=None, **chosen)
