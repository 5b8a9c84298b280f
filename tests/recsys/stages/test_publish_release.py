"""Killed while it publishes; the whole of it is ``python -m benchmarks.releases kills``."""

import random

import pytest

from benchmarks.releases import kills
from benchmarks.releases.made import SITE, YAML, store_release, write_files
from recsys.serving import lifecycle
from recsys.serving.migrate import migrate
from recsys.stages import activate_release, change_release, publish_release
from recsys.stages.context import open_context

pytestmark = pytest.mark.platform


@pytest.fixture
def context(createdb, tmp_path):
    """A shop with the releases a, which is live, and b, which has its files alone."""
    places = {"recsys_sites_dir": tmp_path / "sites", "recsys_data_url": str(tmp_path / "data")}
    settings = createdb().model_copy(update={**places, "recsys_exchange_dir": tmp_path / "exchange"})
    migrate(settings.postgres_dsn())
    settings.sites_dir.mkdir()
    (settings.sites_dir / f"{SITE}.yaml").write_text(YAML)
    context = open_context(settings)
    for release_id in ("a", "b"):
        rows = write_files(tmp_path / release_id, release_id, users=3000, items=200)
        store_release(context, release_id, tmp_path / release_id, rows)
    change_release.activate(site=SITE, release_id="a", context=context)
    return context


def states(context):
    return {each.release_id: each.state for each in change_release.listed(site=SITE, context=context)}


def test_killed_at_any_moment_the_live_one_stays_and_the_next_run_completes(context):
    seen = kills.kill(context, live="a", release_id="b", times=2, rng=random.Random(3))
    assert (seen.kills, seen.faults) == (2, [])


def test_a_release_that_was_retired_is_published_again_when_it_is_activated(context):
    publish_release.run(site=SITE, release_id="b", context=context)
    retired = change_release.retire(site=SITE, release_id="b", context=context, by="user anna", reason="no use")
    assert (retired.state, retired.published) == ("retired", False)
    assert change_release.activate(site=SITE, release_id="b", context=context).previous == "a"
    assert states(context) == {"a": "retired", "b": "live"}


def test_an_approved_release_goes_live_and_a_declined_one_says_why(context):
    publish_release.run(site=SITE, release_id="b", context=context)
    how = {"site": SITE, "release_id": "b", "context": context}
    no = activate_release.run(**how, approved=False, reason="Nobody approved it in time.", by="nobody")
    assert (no.accepted, states(context)["b"]) == (False, "gated")
    assert change_release.listed(site=SITE, context=context)[0].reason == "Nobody approved it in time."
    yes = activate_release.run(**how, approved=True, reason="Approved by anna.", by="Airflow user anna")
    assert (yes.accepted, lifecycle.live_release(context.dsn, SITE).release_id) == (True, "b")
    told = change_release.audited(site=SITE, release_id="b", context=context).changes
    assert [(each.action, each.changed_by) for each in told[:2]] == [
        ("activate", "Airflow user anna"),
        ("decline", "nobody"),
    ]
