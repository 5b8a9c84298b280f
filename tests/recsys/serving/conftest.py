"""A migrated database, and releases in it."""

from datetime import timedelta

import pytest

from recsys.serving import publishing
from recsys.serving.migrate import migrate
from recsys.testing.small_release import NOON, SITE, write_small_release


@pytest.fixture
def dsn(createdb) -> str:
    address = createdb().postgres_dsn()
    migrate(address)
    return address


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
