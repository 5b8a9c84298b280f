"""A release whose ranker scores at request time, from its files to Postgres."""

import pytest

from recsys.errors import FeatureMismatch
from recsys.releases import files as f
from recsys.releases.ranker_parts import put_parts
from recsys.serving import lifecycle
from recsys.serving.migrate import migrate
from recsys.serving.scoring.form import DOCUMENTS, FORM, ITEMS, USERS
from recsys.stages import publish_release
from recsys.stages.context import open_context
from recsys.testing.ranked_release import AS_OF, make_ranked_release

SITE = "ranked_shop"


@pytest.fixture
def made(tmp_path):
    return make_ranked_release(tmp_path / "data")


@pytest.fixture
def context(createdb, tmp_path, made):
    places = {"recsys_data_url": str(tmp_path / "data"), "recsys_exchange_dir": tmp_path / "exchange"}
    context = open_context(createdb().model_copy(update=places))
    migrate(context.dsn)
    lifecycle.record_release(context.dsn, SITE, made.store.release_id, as_of=AS_OF, at=AS_OF, state="gated")
    return context


def test_it_is_published_with_its_parts(context, made):
    stale = context.settings.recsys_exchange_dir / SITE / USERS
    stale.parent.mkdir(parents=True)
    stale.write_text("of another release")
    rows = publish_release.run(site=SITE, release_id=made.store.release_id, context=context)
    assert rows == {**made.rows, FORM: len(DOCUMENTS)}
    assert rows[USERS] == len(made.moment.users)
    assert publish_release.run(site=SITE, release_id=made.store.release_id, context=context) == rows


def test_a_ranker_of_other_features_is_not_published(context, made):
    ranker = made.store.get_json(f.RANKER)
    ranker["features"]["names"].reverse()
    made.store.put_json(f.RANKER, ranker)
    with pytest.raises(FeatureMismatch, match="build the release again"):
        publish_release.run(site=SITE, release_id=made.store.release_id, context=context)
    assert not lifecycle.release_summary(context.dsn, SITE, made.store.release_id).published


def test_a_release_without_parts_leaves_none_in_the_exchange_folder(context, made):
    folder = context.settings.recsys_exchange_dir / SITE
    made.store.export(folder)
    assert {USERS, ITEMS, FORM} <= {path.name for path in folder.iterdir()}
    for name in (USERS, ITEMS, FORM):
        made.store.blobs.delete(made.store.key(name))
    made.store.export(folder)
    assert {USERS, ITEMS, FORM} & {path.name for path in folder.iterdir()} == set()


def test_the_same_release_has_the_same_parts(made):
    again = put_parts(made.store, made.manifest, made.ranker, made.moment)
    assert {name: entry["sha256"] for name, entry in again.items()} == {
        name: made.manifest.files[name].sha256 for name in (USERS, ITEMS, FORM)
    }


def test_a_site_that_does_not_ask_has_no_parts(made):
    config = made.manifest.site_config()
    off = config.serving.online_ranking.model_copy(update={"enabled": False})
    serving = config.serving.model_copy(update={"online_ranking": off})
    site = config.model_copy(update={"serving": serving}).model_dump(mode="json")
    manifest = made.manifest.model_copy(update={"config": site})
    assert put_parts(made.store, manifest, made.ranker, made.moment) == {}
