"""The command as its user types it: what it prints, and that a fault is one clear text."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from recsys.cli import app
from recsys.errors import RecsysError
from recsys.layout import Settings
from recsys.serving.migrate import migrate

Recsys = Callable[..., Result]


@pytest.fixture
def recsys(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Recsys:
    """Runs the command in a folder of its own, with data on disk and no server."""
    monkeypatch.setenv("RECSYS_HOME", str(settings.recsys_home))
    monkeypatch.setenv("RECSYS_DATA_URL", str(settings.recsys_home / "data"))
    monkeypatch.setenv("RECSYS_POSTGRES_PASSWORD", "")
    monkeypatch.chdir(settings.recsys_home.parent)
    runner = CliRunner()
    return lambda *words: runner.invoke(app, [str(word) for word in words])


def printed(result: Result) -> dict:
    """The one JSON object on stdout."""
    assert result.exit_code == 0, result.output + str(result.exception)
    return json.loads(result.stdout)


def test_sites_are_listed_added_and_checked(recsys: Recsys, settings: Settings):
    assert printed(recsys("sites", "list", "--json"))["sites"] == []
    added = printed(recsys("sites", "add", "demo_shop", "--json"))
    assert added == {"site": "demo_shop", "config": str(settings.sites_dir / "demo_shop.yaml")}
    assert printed(recsys("sites", "list", "--json"))["sites"] == ["demo_shop"]
    assert printed(recsys("sites", "check", "--json")) == {"sites": {"demo_shop": None}}


def test_adding_a_site_of_files_says_how_to_ingest_them(recsys: Recsys, tmp_path: Path):
    (tmp_path / "2011-01-04.csv").write_text(
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
        "539993,22386,JUMBO BAG,10,2011-01-04 10:00:00,1.95,13313.0,United Kingdom\n"
    )
    said = recsys("sites", "add", "online_retail", "--from", tmp_path)
    assert said.exit_code == 0
    assert "recsys backfill --site online_retail --start-date 2011-01-04 --days 1" in said.stdout
    report = printed(
        recsys("backfill", "--site", "online_retail", "--start-date", "2011-01-04", "--days", "1", "--json")
    )
    assert report["counts"] == {"rows_in": 1, "kept": 1, "quarantined": {}, "duplicates": 0, "erased": 0}


def test_a_broken_site_is_told_with_every_fault(recsys: Recsys, settings: Settings):
    settings.sites_dir.mkdir(parents=True)
    (settings.sites_dir / "bad.yaml").write_text("site: bad\nsource: {kind: nowhere}\ninteractions: []\nshop: 1\n")
    said = recsys("sites", "check", "--json")
    assert said.exit_code == 1
    fault = json.loads(said.stdout)["sites"]["bad"]
    assert "line 3: interactions" in fault
    assert "line 4: shop" in fault


def test_a_day_is_ingested_and_a_person_can_read_what_became_of_it(recsys: Recsys):
    recsys("sites", "add", "demo_shop")
    said = recsys("stage", "ingest_events", "--site", "demo_shop", "--day", "2026-03-01")
    assert said.exit_code == 0, said.exception
    assert "rows_in:" in said.stdout
    assert "committed" not in said.stdout


def test_simulate_writes_files(recsys: Recsys, tmp_path: Path):
    recsys("sites", "add", "demo_shop")
    words = ("--start-date", "2026-03-01", "--out", tmp_path / "raw", "--json")
    report = printed(recsys("simulate", "--site", "demo_shop", *words))
    assert report["events"] > 0
    assert all(Path(file).exists() for file in report["files"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("stage", "ingest_events", "--site", "nowhere", "--day", "2026-03-01"), "unknown site 'nowhere'"),
        (("stage", "ingest_events", "--site", "demo_shop"), "found no --day"),
        (("stage", "build_candidates", "--site", "demo_shop", "--as-of", "soon"), "--as-of: found 'soon'"),
        (("sites", "add", "online_retail"), "say where they are"),
        (("sites", "add", "online_retail", "--from", "missing"), "found no folder missing"),
        (("sites", "add", "nothing"), "found no template 'nothing'"),
        (("sites", "add", "demo_shop", "--from", "."), "makes its own events"),
    ],
)
def test_faults_name_what_was_found_and_what_to_do(recsys: Recsys, words: tuple[str, ...], told: str):
    result = recsys(*words)
    assert isinstance(result.exception, RecsysError)
    assert told in str(result.exception)


def test_a_fault_is_one_text_on_stderr_and_exit_code_1(settings: Settings, tmp_path: Path):
    command = [sys.executable, "-m", "recsys.cli", "releases", "list", "--site", "nowhere"]
    environment = {"RECSYS_HOME": str(settings.recsys_home), "PATH": "", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("recsys: unknown site 'nowhere'")
    assert "Traceback" not in done.stderr


@pytest.mark.platform
def test_releases_of_a_site_without_any(
    recsys: Recsys, createdb: Callable[[], Settings], monkeypatch: pytest.MonkeyPatch
):
    database = createdb()
    migrate(database.postgres_dsn())
    for name, value in database.environment().items():
        if name.startswith("RECSYS_POSTGRES"):
            monkeypatch.setenv(name, value)
    recsys("sites", "add", "demo_shop")
    assert printed(recsys("releases", "list", "--site", "demo_shop", "--json")) == {"releases": []}
    result = recsys("releases", "rollback", "--site", "demo_shop")
    assert "nothing to roll back" in str(result.exception)
    assert "no release 'x'" in str(recsys("releases", "activate", "x", "--site", "demo_shop").exception)
