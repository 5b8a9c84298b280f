"""Every notebook runs from top to bottom on a small simulated site, as a person would run it."""

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from pydantic import SecretStr

from recsys.layout import Settings
from recsys.local.servers.postgres import create_database
from recsys.serving.lifecycle import live_release
from recsys.serving.migrate import migrate
from recsys.stages import build_candidates, ingest_events, release_recommendations, train_ranker
from recsys.stages.context import open_context

ROOT = Path(__file__).parents[3]
NOTEBOOKS = sorted((ROOT / "recsys" / "notebooks").glob("*.ipynb"))
SMALL_SHOP = """
site: small_shop
source: {kind: simulator, params: {users: 150, items: 100, categories: 6}}
interactions: [{name: view}, {name: cart, weight: 3, gain: 2}, {name: purchase, weight: 5, gain: 3}]
candidates_per_source: 30
windows: {label_windows: 1}
ranker: {iterations: 40}
gate: {min_users: 20, min_lift_over_popularity: -1}
"""
FIRST = date(2025, 6, 2)
BUSY_MACHINE = "Matplotlib is building the font cache"
"""What it says where that takes long, the first time."""

Run = Callable[[str, Settings], str]


@pytest.fixture
def shop(settings) -> Settings:
    """Settings of a folder that knows the site and nothing else."""
    _add_small_shop(settings)
    return settings.model_copy(update={"recsys_postgres_password": SecretStr("")})


@pytest.fixture
def released(mlflow_server) -> Settings:
    """Settings of a platform on which the site has one release."""
    _add_small_shop(mlflow_server)
    create_database(mlflow_server, mlflow_server.recsys_postgres_database)
    migrate(mlflow_server.postgres_dsn())
    context = open_context(mlflow_server)
    ingest_events.run(site="small_shop", first=FIRST, days=28, context=context)
    for stage in (build_candidates, train_ranker, release_recommendations):
        stage.run(site="small_shop", context=context)
    return mlflow_server


@pytest.fixture
def run(tmp_path) -> Run:
    """Runs a notebook in a kernel of its own; what it printed and showed, as one text."""

    def execute(name: str, settings: Settings) -> str:
        notebook = nbformat.read(ROOT / "recsys" / "notebooks" / name, as_version=4)
        where = {"metadata": {"path": str(tmp_path)}}
        client = NotebookClient(notebook, timeout=400, startup_timeout=400, iopub_timeout=60, resources=where)
        client.execute(env={**os.environ, **settings.environment(), "PYTHONPATH": str(ROOT)})
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        warnings = [output.text for output in outputs if output.get("name") == "stderr"]
        assert [warning for warning in warnings if BUSY_MACHINE not in warning] == []
        return "\n".join(str(output.get("text") or output.get("data")) for output in outputs)

    return execute


def test_the_events_of_a_site_can_be_explored(shop, run):
    report = ingest_events.run(site="small_shop", first=FIRST, days=10, context=open_context(shop))
    seen = run("01_explore_events.ipynb", shop)
    assert "Exploring: small_shop" in seen
    assert "10 days, 2025-06-02 to 2025-06-11" in seen
    assert str(report.counts.kept) in seen.replace(",", "")
    assert seen.count("image/png") == 3


def test_a_site_without_events_is_told_what_to_do(shop, run):
    with pytest.raises(
        CellExecutionError, match="found no ingested day; ingest some first: recsys backfill --site small_shop"
    ):
        run("01_explore_events.ipynb", shop)


@pytest.mark.platform
def test_a_release_can_be_read(released, run):
    live = live_release(released.postgres_dsn(), "small_shop")
    seen = run("02_read_a_release.ipynb", released)
    assert f"Live: {live.release_id}. Reading: {live.release_id}" in seen
    assert "Accepted: ndcg@10" in seen
    assert "items are shown to somebody" in seen
    assert seen.count("image/png") == 2


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_outputs_are_stripped(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert cells
    assert not [cell.source for cell in cells if cell.outputs or cell.execution_count is not None]


def _add_small_shop(settings: Settings) -> None:
    settings.sites_dir.mkdir(parents=True, exist_ok=True)
    (settings.sites_dir / "small_shop.yaml").write_text(SMALL_SHOP, encoding="utf-8")
