"""DAGs as Airflow reads them, in an Airflow home of their own."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-")  # read when airflow is first imported
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

from airflow.dag_processing.dagbag import DagBag

from recsys.sites import SiteConfig
from recsys.sites.loading import parse_site

atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)

DAGS = Path(__file__).parents[2] / "dags"
SITES = ("alpha", "beta", "gamma")
YAML = """\
site: {site}
source: {{kind: kafka, params: {{bootstrap_servers: "broker.example.org:9092", topic: events}}}}
interactions:
  - {{name: view}}
  - {{name: purchase}}
schedule: {{{schedule}}}
catalogue:
  fetch:
    kind: content_api
    params: {{url: "https://api.example.org/{{item_id}}", fields: {{title: headline}}}}
predictors: {{intent: {{}}, ctr: {{}}, session: {{}}}}
"""

WriteSite = Callable[..., Path]
Parse = Callable[[], DagBag]


def make_site(site: str, schedule: str = "") -> SiteConfig:
    return parse_site(YAML.format(site=site, schedule=schedule), name=site)


@pytest.fixture
def write_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteSite:
    """Writes a site's YAML into the folder that the DAGs read."""
    folder = tmp_path / "sites"
    folder.mkdir()
    monkeypatch.setenv("RECSYS_SITES_DIR", str(folder))

    def write(site: str, schedule: str = "", *, text: str | bytes | None = None) -> Path:
        path = folder / f"{site}.yaml"
        text = YAML.format(site=site, schedule=schedule) if text is None else text
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture
def parse(write_site: WriteSite) -> Parse:
    """Reads dags/ as the DAG processor does."""
    return lambda: DagBag(DAGS)


@pytest.fixture
def dagbag(write_site: WriteSite, parse: Parse) -> DagBag:
    """The DAGs of three sample sites."""
    for site in SITES:
        write_site(site)
    return parse()
