"""``recsys keys`` as its user types it."""

import json

import pytest
import yaml
from typer.testing import CliRunner

from recsys.cli import app
from recsys.errors import ConfigError, UnknownSiteError
from recsys.serving.migrate import migrate

SITE = {
    "site": "shop",
    "source": {"kind": "simulator"},
    "interactions": [{"name": "purchase", "weight": 1.0}],
}


@pytest.fixture
def recsys(createdb, tmp_path, monkeypatch):
    settings = createdb().model_copy(update={"recsys_sites_dir": tmp_path})
    migrate(settings.postgres_dsn())
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump(SITE))
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LOGNAME", "anna")
    monkeypatch.setenv("COLUMNS", "200")
    runner = CliRunner()
    return lambda *words: runner.invoke(app, ["keys", *words])


def printed(result):
    assert result.exit_code == 0, result.output + str(result.exception)
    return json.loads(result.stdout)


def test_a_key_is_made_shown_once_exchanged_and_revoked(recsys):
    made = printed(recsys("create", "--site", "shop", "--scope", "read", "--label", "the app", "--json"))
    assert made["created_by"] == "user anna"
    shown = recsys("create", "--site", "shop", "--scope", "write", "--days", "30").stdout
    assert shown.splitlines()[-1].startswith("recsys_")
    listed = recsys("list", "--site", "shop")
    assert "the app" in listed.stdout
    assert made["key"] not in listed.stdout + recsys("list", "--site", "shop", "--json").stdout

    new = printed(recsys("rotate", made["key_id"], "--site", "shop", "--overlap-hours", "0", "--json"))
    assert new["key"] != made["key"]
    assert f"replaced by {new['key_id']}" in recsys("list", "--site", "shop").stdout
    assert printed(recsys("revoke", new["key_id"], "--site", "shop", "--json"))["revoked_by"] == "user anna"
    assert "by user anna" in recsys("list", "--site", "shop").stdout


def test_keys_for_all_sites_are_asked_for_by_name(recsys):
    made = printed(recsys("create", "--all-sites", "--scope", "admin", "--json"))
    assert made["site"] is None
    assert [key["key_id"] for key in printed(recsys("list", "--all-sites", "--json"))["keys"]] == [made["key_id"]]
    assert printed(recsys("list", "--site", "shop", "--json"))["keys"] == []


def test_a_site_that_is_not_there_gets_no_key(recsys):
    assert isinstance(recsys("create", "--site", "shopp", "--scope", "read").exception, UnknownSiteError)
    refused = (
        ["--scope", "read"],
        ["--scope", "read", "--site", "shop", "--all-sites"],
        ["--scope", "everything", "--site", "shop"],
    )
    for words in refused:
        assert isinstance(recsys("create", *words).exception, ConfigError)
    assert printed(recsys("list", "--site", "shop", "--json"))["keys"] == []
