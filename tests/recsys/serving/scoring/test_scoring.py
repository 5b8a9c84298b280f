"""What the web scores is what training described, bit by bit, after a way through Postgres and onto a host's disk."""

import asyncio
import json

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.errors import FeatureMismatch, StoreError, UnknownReleaseError
from recsys.local.servers.postgres import create_database
from recsys.releases.ranker_parts import form_of
from recsys.serving import publishing
from recsys.serving.migrate import migrate
from recsys.serving.postgres import transaction
from recsys.serving.release_tables import existing_tables
from recsys.serving.retirement import retire
from recsys.serving.scoring.arrays import SUMS, crc_of
from recsys.serving.scoring.form import FORM, MODEL, RANKER, USERS, Form, hash_of_features
from recsys.serving.scoring.scorer import Scorer
from recsys.serving.scoring.writing import write_parts
from recsys.sites import ComponentSpec
from recsys.testing.ranked_release import AS_OF, make_ranked_release

SITE = "ranked_shop"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_ranked_release(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def dsn(postgres, made, tmp_path_factory):
    """The release is published."""
    create_database(postgres, "scoring")
    dsn = postgres.model_copy(update={"recsys_postgres_database": "scoring"}).postgres_dsn()
    migrate(dsn)
    publish(dsn, made, "first", tmp_path_factory.mktemp("exchange"))
    return dsn


def publish(dsn, made, release_id, folder):
    made.store.export(folder)
    publishing.record_release(dsn, SITE, release_id, as_of=AS_OF, at=AS_OF, state="gated")
    return publishing.publish(dsn, SITE, release_id, folder, made.rows)


def written(dsn, folder, most_users=1000, release_id="first"):
    asyncio.run(write_parts(dsn, release_id, folder, most_users=most_users))
    return folder


@pytest.fixture
def folder(dsn, tmp_path):
    return written(dsn, tmp_path / "first.ranker")


@pytest.fixture(scope="module")
def scorer(dsn, tmp_path_factory):
    return Scorer(written(dsn, tmp_path_factory.mktemp("host") / "first.ranker"))


def test_every_candidate_has_the_features_of_training_bit_by_bit(made, scorer):
    names = made.ranker.features.numeric
    for (user,), rows in made.candidates.group_by(c.USER_ID):
        trained = rows.select(pl.col(name).cast(pl.Float32).fill_null(float("nan")) for name in names).to_numpy()
        found = scorer.rows(user, rows[c.ITEM_ID].to_list())
        assert np.array_equal(found, trained, equal_nan=True)


def test_every_candidate_has_the_score_of_the_ranker(made, scorer):
    expected = made.candidates.with_columns(pl.Series(c.SCORE, made.ranker.score(made.candidates)))
    for (user,), rows in expected.group_by(c.USER_ID):
        found = scorer.scores(user, rows[c.ITEM_ID].to_list())
        assert np.abs(found - rows[c.SCORE].to_numpy()).max() <= 1e-12


def test_an_item_that_nobody_proposed_is_described_as_the_pipeline_would(made, scorer):
    """What is known of users and items is there for any pair; what no generator said is missing."""
    known = made.moment.recall.knowledge
    for user in made.moment.users[:20]:
        others = known.items.join(made.candidates.filter(pl.col(c.USER_ID) == user), on=c.ITEM_ID, how="anti")[
            c.ITEM_ID
        ].sort()
        described = known.describe(pl.DataFrame({c.USER_ID: user, c.ITEM_ID: others}))
        found = scorer.rows(user, others.to_list())
        for place, name in enumerate(made.ranker.features.numeric):
            if name in described.columns:
                expected = described[name].fill_null(float("nan")).to_numpy()
                assert np.array_equal(found[:, place], expected, equal_nan=True), name
            elif name == c.N_SOURCES:
                assert not found[:, place].any()
            else:
                assert np.isnan(found[:, place]).all(), name


def test_strangers_have_no_scores_and_unknown_items_come_last(scorer, made):
    assert scorer.scores("nobody", ["i00001"]) is None
    user, item = made.candidates.select(c.USER_ID, c.ITEM_ID).row(0)
    scores = scorer.scores(user, ["no such item", item])
    assert scores[0] == -np.inf < scores[1]
    assert scorer.scores(user, []).shape == (0,)


def test_only_the_best_candidates_and_the_first_users_travel(dsn, made, tmp_path):
    few = Scorer(written(dsn, tmp_path / "few", most_users=3))
    users = made.moment.users
    assert [few.scores(user, []) is not None for user in users[:4]] == [True, True, True, False]


def test_the_hash_is_that_of_the_feature_set(made):
    features = made.ranker.features
    assert hash_of_features(features.model_dump(mode="json")) == features.hash


def test_a_ranker_of_other_features_is_refused(made):
    site = made.manifest.site_config()
    other = site.model_copy(update={"candidates": (ComponentSpec(kind="popularity"),)})
    form = form_of(other, made.moment.recall.knowledge, mean_weight=1.0, model_sha256="")
    with pytest.raises(FeatureMismatch, match="build the release again"):
        form.require(made.store.get_json(RANKER))
    renamed = made.store.get_json(RANKER)
    renamed["features"]["names"][0] = "renamed"
    with pytest.raises(FeatureMismatch):
        Form.model_validate(made.store.get_json(FORM)).require(renamed)


@pytest.mark.parametrize("name", [MODEL, RANKER, c.EVIDENCE, "item_facts", SUMS])
@pytest.mark.parametrize("how", ["cut", "changed", "gone"])
def test_a_broken_file_is_refused(folder, name, how):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    match how:
        case "cut":
            (folder / name).write_bytes((folder / name).read_bytes()[:-1])
        case "changed":
            (folder / name).write_bytes(content)
        case "gone":
            (folder / name).unlink()
    with pytest.raises(StoreError):
        Scorer(folder)


def test_another_model_than_the_releases_is_refused(dsn, folder):
    model = (folder / MODEL).read_bytes()
    (folder / MODEL).write_bytes(model + b" ")
    sums = json.loads((folder / SUMS).read_text())
    (folder / SUMS).write_text(json.dumps({**sums, MODEL: crc_of(folder / MODEL)}))
    with pytest.raises(StoreError, match="another"):
        Scorer(folder)


@pytest.mark.parametrize("content", [b"{}", b'{"features": {"names": []}}', b"no json"])
@pytest.mark.parametrize("name", [FORM, RANKER])
def test_files_of_another_version_are_refused(folder, name, content):
    (folder / name).write_bytes(content)
    sums = json.loads((folder / SUMS).read_text())
    (folder / SUMS).write_text(json.dumps({**sums, name: crc_of(folder / name)}))
    with pytest.raises(StoreError, match="another version"):
        Scorer(folder)


def test_rows_go_with_the_release_and_with_the_user(dsn, made, tmp_path):
    counted = publish(dsn, made, "second", tmp_path / "exchange")
    assert counted == made.rows
    assert publish(dsn, made, "second", tmp_path / "exchange") == counted, "it is published already"
    assert sum(name.startswith("ranker_") for name in existing_tables(dsn)) == 6
    retire(dsn, SITE, "second")
    assert sum(name.startswith("ranker_") for name in existing_tables(dsn)) == 3
    with pytest.raises(UnknownReleaseError, match="online_ranking"):
        written(dsn, tmp_path / "gone", release_id="second")

    gone = made.moment.users[0]
    with transaction(dsn) as cursor:
        cursor.execute("INSERT INTO recsys.erasure (site, user_id, erased_at) VALUES (%s, %s, %s)", (SITE, gone, AS_OF))
    publish(dsn, made, "third", tmp_path / "exchange")
    with transaction(dsn) as cursor:
        cursor.execute("SELECT count(*) FROM recsys.ranker_user WHERE release_id = 'third'")
        assert cursor.fetchone()[0] == made.rows[USERS] - 1
        cursor.execute("DELETE FROM recsys.erasure")
    retire(dsn, SITE, "third")
