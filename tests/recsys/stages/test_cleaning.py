"""One plan for Postgres, S3, the exchange folder and MLflow."""

import json
import os
from datetime import timedelta

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from benchmarks.releases import retained
from benchmarks.releases.made import SITE, YAML
from recsys.cli import app
from recsys.errors import StoreError
from recsys.releases import files as f
from recsys.serving.postgres import transaction
from recsys.stages import change_release, cleaning, maintain_storage
from recsys.stages.context import open_context

pytestmark = pytest.mark.platform


@pytest.fixture
def shop(context):
    """The stages' context with the shop of the benchmarks."""
    (context.settings.sites_dir / f"{SITE}.yaml").write_text(YAML.replace("keep_releases: 3", "keep_releases: 2"))
    return context


def release(shop, name, tmp_path, *, age):
    retained.release(shop, name, tmp_path / name, users=20, age=age)


def test_after_some_releases_every_store_holds_what_retention_says(shop, tmp_path):
    for number in range(4):
        release(shop, f"r{number}-", tmp_path, age=20 - number)
    before = retained.held(shop)
    dry = maintain_storage.run(site=SITE, dry_run=True, context=shop)
    assert retained.held(shop) == before
    done = maintain_storage.run(site=SITE, context=shop)
    assert (done.releases, done.removed) == (dry.releases, dry.removed)
    assert done.releases.keys() == {"r0-", "r1-"}
    assert (done.removed["postgres"], done.removed["mlflow"], done.bytes > 0) == (8, 2, True)
    after, kept = retained.held(shop), {"r2-", "r3-"}
    assert (after.postgres, after.objects, after.exchange) == (kept, kept, {"r3-"})
    assert after.models == kept
    again = maintain_storage.run(site=SITE, context=shop)
    assert (again.releases, again.removed) == ({}, {})
    listed = {each.release_id: each.removed_at is not None for each in change_release.listed(site=SITE, context=shop)}
    assert listed == {"r0-": True, "r1-": True, "r2-": False, "r3-": False}
    assert change_release.roll_back(site=SITE, context=shop).release_id == "r2-"


def test_what_belongs_to_nothing_is_in_the_plan_when_it_is_old(shop, tmp_path, monkeypatch):
    release(shop, "r0-", tmp_path, age=1)
    shop.blobs.put(f"releases/{SITE}/lost/items.parquet", b"lost")
    exchange = shop.settings.recsys_exchange_dir / SITE
    for name, days in ((".items.parquet.old", 2), (".items.parquet.new", 0)):
        (exchange / name).write_bytes(b"half")
        then = shop.now() - timedelta(days=days)
        os.utime(exchange / name, (then.timestamp(), then.timestamp()))
    with transaction(shop.dsn) as cursor:
        cursor.execute("CREATE TABLE recsys.slate_000000000000000000000000 (user_id text)")
    names = {each.name for each in cleaning.plan(shop, SITE).garbage}
    assert names == {".items.parquet.old", "slate_000000000000000000000000"}
    monkeypatch.setattr(cleaning, "GRACE", timedelta(seconds=-5))
    assert f"releases/{SITE}/lost/items.parquet" in {each.name for each in cleaning.plan(shop, SITE).garbage}
    cleaning.remove(shop, cleaning.plan(shop, SITE), by="test")
    assert not shop.blobs.exists(f"releases/{SITE}/lost/items.parquet")
    assert cleaning.plan(shop, SITE).garbage == ()
    assert shop.blobs.exists(f"releases/{SITE}/r0-/{f.MANIFEST}")


def test_where_a_store_does_not_answer_nothing_is_removed(shop, tmp_path):
    for number in range(3):
        release(shop, f"r{number}-", tmp_path, age=20 - number)
    away = shop.settings.model_copy(update={"aws_secret_access_key": SecretStr("another")})
    with pytest.raises(StoreError):
        maintain_storage.run(site=SITE, context=open_context(away))
    assert retained.held(shop).postgres == {"r0-", "r1-", "r2-"}


def test_the_command_shows_the_plan_and_removes_it_only_when_told(shop, tmp_path, monkeypatch):
    for number in range(3):
        release(shop, f"r{number}-", tmp_path, age=20 - number)
    for name, value in shop.settings.environment().items():
        monkeypatch.setenv(name, value)
    words = ["releases", "clean", "--site", SITE]
    shown = CliRunner().invoke(app, words)
    assert "1 releases" in shown.stdout, shown.exception
    assert "would be removed; do it with --yes" in shown.stdout
    assert retained.held(shop).postgres == {"r0-", "r1-", "r2-"}
    removed = json.loads(CliRunner().invoke(app, [*words, "--yes", "--json"]).stdout)
    assert (removed["removed"], list(removed["releases"])) == (True, ["r0-"])
    assert retained.held(shop).postgres == {"r1-", "r2-"}
