"""``recsys releases`` as its user types it."""

import json

import pytest
from typer.testing import CliRunner

from benchmarks.releases.made import SITE, YAML, store_release, write_files
from recsys.cli import app
from recsys.errors import ReleaseError
from recsys.serving.migrate import migrate
from recsys.stages import publish_release
from recsys.stages.context import open_context

pytestmark = pytest.mark.platform


@pytest.fixture
def recsys(createdb, tmp_path, monkeypatch):
    """Runs the command on a shop with the gated, published releases a and b."""
    places = {"recsys_sites_dir": tmp_path / "sites", "recsys_data_url": str(tmp_path / "data")}
    settings = createdb().model_copy(update={**places, "recsys_exchange_dir": tmp_path / "exchange"})
    migrate(settings.postgres_dsn())
    settings.sites_dir.mkdir()
    (settings.sites_dir / f"{SITE}.yaml").write_text(YAML)
    context = open_context(settings)
    for release_id in ("a", "b"):
        rows = write_files(tmp_path / release_id, release_id, users=20, items=200)
        store_release(context, release_id, tmp_path / release_id, rows)
        publish_release.run(site=SITE, release_id=release_id, context=context)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LOGNAME", "anna")
    monkeypatch.setenv("COLUMNS", "300")
    runner = CliRunner()
    return lambda *words: runner.invoke(app, ["releases", *words, "--site", SITE])


def printed(result):
    assert result.exit_code == 0, result.output + str(result.exception)
    return json.loads(result.stdout)


def test_a_release_is_activated_tried_and_rolled_back_with_a_reason(recsys):
    assert printed(recsys("activate", "a", "--json"))["previous"] is None
    assert printed(recsys("canary", "b", "--reason", "ten percent", "--json"))["state"] == "canary"
    assert printed(recsys("activate", "b", "--json"))["previous"] == "a"
    assert printed(recsys("rollback", "--reason", "complaints", "--json"))["release_id"] == "a"
    told = printed(recsys("audit", "--release", "b", "--json"))["changes"]
    assert [(each["action"], each["changed_by"], each["reason"]) for each in told[:3]] == [
        ("rollback", "user anna", "rolled back to a: complaints"),
        ("activate", "user anna", ""),
        ("canary", "user anna", "ten percent"),
    ]
    table = recsys("audit").stdout
    assert "user anna" in table
    assert "canary → live" in table


def test_the_list_can_be_read_in_a_narrow_terminal(recsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    recsys("activate", "a")
    recsys("retire", "b")
    lines = recsys("list").stdout.splitlines()
    assert lines[0::2] == ["b  recommendations  retired", "a  recommendations  live"]
    assert lines[1].startswith("└── as of ")
    assert " activated " in lines[3]


def test_two_releases_are_compared(recsys):
    found = printed(recsys("diff", "b", "a", "--json"))
    assert found["files"].keys() >= {"items.parquet", "recommendations.parquet"}
    assert found["overlap"] == {"users": 20, "first_10": 0.0, "same_first": 0.0}
    assert "first_10: 0.0" in recsys("diff", "b", "a").stdout


def test_a_retired_release_keeps_its_line(recsys):
    recsys("activate", "a")
    assert printed(recsys("retire", "b", "--reason", "no use", "--json"))["state"] == "retired"
    states = {each["release_id"]: each["state"] for each in printed(recsys("list", "--json"))["releases"]}
    assert states == {"a": "live", "b": "retired"}
    assert isinstance(recsys("retire", "a").exception, ReleaseError)
