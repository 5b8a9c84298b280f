"""Two processes answer while the pointer moves; the whole of it is ``python -m benchmarks.releases load``."""

import asyncio

import pytest

from benchmarks.releases import load
from benchmarks.releases.made import SITE, YAML, store_release, write_files
from recsys.serving.migrate import migrate
from recsys.stages import publish_release
from recsys.stages.context import open_context

pytestmark = pytest.mark.platform
USERS = 200


@pytest.fixture
def two_releases(createdb, tmp_path):
    """Settings of a shop with the releases a, which is live, and b."""
    places = {"recsys_sites_dir": tmp_path / "sites", "recsys_data_url": str(tmp_path / "data")}
    settings = createdb().model_copy(update={**places, "recsys_exchange_dir": tmp_path / "exchange"})
    migrate(settings.postgres_dsn())
    settings.sites_dir.mkdir()
    (settings.sites_dir / f"{SITE}.yaml").write_text(YAML)
    context = open_context(settings)
    for release_id in ("a", "b"):
        rows = write_files(tmp_path / release_id, release_id, users=USERS, items=200)
        store_release(context, release_id, tmp_path / release_id, rows)
        publish_release.run(site=SITE, release_id=release_id, context=context)
    load.move(context.dsn, "a")
    return settings


def test_no_request_fails_or_mixes_releases_while_the_pointer_moves(two_releases):
    with load.workers(two_releases, 2) as place:
        dsn = two_releases.postgres_dsn()
        how = {"users": USERS, "rate": 100.0, "changes": 10, "pause": 0.2}
        seen = asyncio.run(load.ask(place, dsn, first="a", second="b", **how))
    failed = [why for why in seen.failed if "urn:recsys:problem:overloaded" not in why]  # of a machine that stood still
    assert (failed, seen.mixed) == ([], [])
    assert seen.requests > 100
    assert {release_id for _, _, release_id in seen.named} == {"a", "b"}
    assert sum(late > 1.0 for late in seen.late) < len(seen.late) / 10
