"""A small simulated site on real servers: Postgres, S3 and MLflow."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

import polars as pl
import pytest

from recsys import columns as c
from recsys.layout import Settings
from recsys.local.servers.postgres import create_database
from recsys.serving.migrate import migrate
from recsys.serving.postgres import transaction
from recsys.stages.context import StageContext, open_context
from recsys.testing.clicks import CLICK

SITE = "small_shop"
FIRST = date(2026, 3, 1)
DAYS = 40
AS_OF = datetime(2026, 4, 10, tzinfo=UTC)
assert AS_OF.date() == FIRST + timedelta(days=DAYS)

YAML = """
site: {site}
source: {{kind: simulator, params: {{seed: 11, users: 250, items: 160}}}}
interactions:
  - {{name: view, weight: 1.0, gain: 1}}
  - {{name: cart, weight: 3.0, gain: 2}}
  - {{name: purchase, weight: 5.0, gain: 3}}
windows: {{history_days: 60, label_days: 7, evaluation_days: 7}}
ranker: {{iterations: 60}}
candidates_per_source: 60
gate: {{min_users: 20}}
"""

QUICK = """ranker: {iterations: 15, folds: 1}
candidates: [{kind: popularity}, {kind: item_item}, {kind: ease}]
"""
"""For tests of what happens to releases, not of how good they are."""

_numbers = count(1)


@pytest.fixture(scope="module")
def make_context(mlflow_server: Settings, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], StageContext]:
    """Makes a context of its own at each call: a fresh database, bucket prefix and exchange folder, one small site."""

    def make() -> StageContext:
        name = f"stages_{next(_numbers)}"
        create_database(mlflow_server, name)
        folder = tmp_path_factory.mktemp(name)
        sites = folder / "sites"
        sites.mkdir()
        (sites / f"{SITE}.yaml").write_text(YAML.format(site=SITE))
        settings = mlflow_server.model_copy(
            update={
                "recsys_postgres_database": name,
                "recsys_data_url": f"s3://{mlflow_server.recsys_mlflow_bucket}/{name}",
                "recsys_sites_dir": sites,
                "recsys_exchange_dir": folder / "exchange",
            }
        )
        migrate(settings.postgres_dsn())
        return open_context(settings)

    return make


@pytest.fixture
def context(make_context: Callable[[], StageContext]) -> StageContext:
    return make_context()


@pytest.fixture
def quick(context: StageContext) -> StageContext:
    """A context whose site makes releases in a few seconds."""
    path = context.settings.sites_dir / f"{SITE}.yaml"
    path.write_text(path.read_text().replace("ranker: {iterations: 60}\n", QUICK))
    return context


@pytest.fixture
def unvisited(createdb: Callable[[], Settings], tmp_path: Path) -> StageContext:
    """A site that nobody has visited yet; its event log is a folder."""
    sites = tmp_path / "sites"
    sites.mkdir()
    (sites / f"{SITE}.yaml").write_text(YAML.format(site=SITE))
    settings = createdb().model_copy(update={"recsys_sites_dir": sites, "recsys_data_url": str(tmp_path / "data")})
    migrate(settings.postgres_dsn())
    return open_context(settings)


def show(context: StageContext, rows: pl.DataFrame) -> None:
    """The web service showed these impressions, and was told a minute later which were clicked."""
    asked = [f"r{n:05d}" for n in range(rows.height)]
    users, items, times, clicked = (rows[name].to_list() for name in (c.USER_ID, c.ITEM_ID, c.TIMESTAMP, CLICK))
    with transaction(context.dsn) as cursor:
        cursor.execute(
            "INSERT INTO recsys.impression (site, request_id, user_id, release_id, arm, item_ids, sources, served_at) "
            "SELECT %s, request_id, user_id, 'r', 'live', ARRAY[item_id], ARRAY['popular'], served_at FROM unnest("
            "%s::text[], %s::text[], %s::text[], %s::timestamptz[]) AS shown (request_id, user_id, item_id, served_at)",
            (SITE, asked, users, items, times),
        )
        cursor.execute(
            'INSERT INTO recsys.event (site, event_id, user_id, item_id, event_type, "timestamp", request_id) '
            "SELECT %s, request_id, user_id, item_id, 'view', at + interval '1 minute', request_id FROM unnest("
            "%s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::boolean[]) "
            "AS shown (request_id, user_id, item_id, at, clicked) WHERE clicked",
            (SITE, asked, users, items, times, clicked),
        )
