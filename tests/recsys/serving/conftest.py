"""A migrated database, and releases in it."""

from datetime import timedelta

import pytest

from recsys.local.servers.postgres import create_database
from recsys.serving import publishing
from recsys.serving.migrate import migrate
from recsys.serving.postgres import transaction
from recsys.testing.small_release import NOON, SITE, write_small_release


@pytest.fixture(scope="session")
def serving_database(postgres) -> str:
    settings = postgres.model_copy(update={"recsys_postgres_database": "serving"})
    create_database(postgres, "serving")
    return settings.postgres_dsn()


@pytest.fixture
def dsn(serving_database) -> str:
    """A database with every migration and nothing else."""
    with transaction(serving_database) as cursor:
        cursor.execute("SET LOCAL client_min_messages = warning; DROP SCHEMA IF EXISTS recsys CASCADE")
    migrate(serving_database)
    return serving_database


@pytest.fixture
def published(dsn, tmp_path):
    """Publishes a small release and returns its id; each is an hour younger than the one before."""
    made = []

    def publish(release_id: str | None = None, *, live: bool = False, first_item: str | None = None) -> str:
        release_id = release_id or f"{SITE}-{len(made)}"
        at = NOON + timedelta(hours=len(made))
        made.append(release_id)
        rows = write_small_release(tmp_path / release_id, first_item=first_item)
        publishing.record_release(dsn, SITE, release_id, as_of=NOON, at=at, state="gated")
        publishing.publish(dsn, SITE, release_id, tmp_path / release_id, rows)
        if live:
            publishing.activate(dsn, SITE, release_id, at)
        return release_id

    return publish
