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
from recsys.stages import ingest_events
from recsys.stages.context import open_context

ROOT = Path(__file__).parents[3]
NOTEBOOKS = sorted((ROOT / "recsys" / "notebooks").glob("*.ipynb"))
SMALL_SHOP = """
site: small_shop
source: {kind: simulator, params: {users: 150, items: 100, categories: 6}}
interactions: [{name: view}, {name: cart, weight: 3, gain: 2}, {name: purchase, weight: 5, gain: 3}]
"""

Run = Callable[[str, Settings], str]


@pytest.fixture
def shop(settings) -> Settings:
    """Settings of a folder that knows the site and nothing else."""
    settings.sites_dir.mkdir(parents=True)
    (settings.sites_dir / "small_shop.yaml").write_text(SMALL_SHOP, encoding="utf-8")
    return settings.model_copy(update={"recsys_postgres_password": SecretStr("")})


@pytest.fixture
def run(tmp_path) -> Run:
    """Runs a notebook in a kernel of its own; what it printed and showed, as one text."""

    def execute(name: str, settings: Settings) -> str:
        notebook = nbformat.read(ROOT / "recsys" / "notebooks" / name, as_version=4)
        client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
        client.execute(env=_environment(settings, tmp_path))
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        warnings = [output.text for output in outputs if output.get("name") == "stderr"]
        assert warnings == []
        return "\n".join(str(output.get("text") or output.get("data")) for output in outputs)

    return execute


def test_the_events_of_a_site_can_be_explored(shop, run):
    report = ingest_events.run(site="small_shop", first=date(2025, 6, 2), days=10, context=open_context(shop))
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


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_outputs_are_stripped(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert cells
    assert not [cell.source for cell in cells if cell.outputs or cell.execution_count is not None]


def _environment(settings: Settings, home: Path) -> dict[str, str]:
    """What the platform's Jupyter gives its kernels."""
    return {**os.environ, "RECSYS_HOME": str(settings.recsys_home), "PYTHONPATH": str(ROOT), "HOME": str(home)}
