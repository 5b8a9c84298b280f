"""From the log to a live release, on real Postgres, S3 and MLflow."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import mlflow
import numpy as np
import polars as pl
import psycopg2
import pytest

from recsys import columns as c
from recsys.errors import NotEnoughData, ReleaseError, UnknownSiteError
from recsys.events.simulator import Shop, ShopParams
from recsys.releases import files as f
from recsys.serving import lifecycle
from recsys.serving.scoring.form import DOCUMENTS, FORM, ITEMS, USERS
from recsys.stages import (
    build_candidates,
    change_release,
    ingest_events,
    maintain_storage,
    release_recommendations,
    train_ranker,
)
from recsys.stages.context import StageContext
from recsys.stages.release_recommendations import ReleaseReport
from tests.recsys.stages.conftest import AS_OF, DAYS, FIRST, SITE

pytestmark = pytest.mark.platform
GATE = "gate: {min_users: 20}"

Released = tuple[StageContext, ReleaseReport]


def release(context: StageContext, days: int = DAYS) -> ReleaseReport:
    ingest_events.run(site=SITE, first=FIRST, days=days, context=context)
    built = build_candidates.run(site=SITE, context=context)
    train_ranker.run(site=SITE, release_id=built.release_id, context=context)
    return release_recommendations.run(site=SITE, release_id=built.release_id, context=context)


@pytest.fixture(scope="module")
def released(make_context: Callable[[], StageContext]) -> Released:
    """A site with a live release, whose ranker scores at request time; for tests that change nothing."""
    context = ranked_site(make_context)
    return context, release(context)


def ranked_site(make_context: Callable[[], StageContext]) -> StageContext:
    context = make_context()
    edit_site(context, GATE, f"{GATE}\nserving: {{online_ranking: {{enabled: true}}}}")
    return context


def edit_site(context: StageContext, old: str, new: str) -> None:
    path = context.settings.sites_dir / f"{SITE}.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def rows_in_postgres(context: StageContext, release_id: str) -> dict[str, int]:
    queries = {
        "recommendations.parquet": "SELECT count(*) FROM recsys.slate WHERE release_id = %s",
        "items.parquet": "SELECT count(*) FROM recsys.item WHERE release_id = %s",
        "similar.parquet": "SELECT sum(cardinality(item_ids)) FROM recsys.similar WHERE release_id = %s",
        "top_popular.parquet": "SELECT sum(cardinality(item_ids)) FROM recsys.popular WHERE release_id = %s",
        USERS: "SELECT count(*) FROM recsys.ranker_user WHERE release_id = %s",
        ITEMS: "SELECT count(*) FROM recsys.ranker_item WHERE release_id = %s",
        FORM: "SELECT count(*) FROM recsys.ranker_file WHERE release_id = %s",
    }
    with psycopg2.connect(context.dsn) as connection, connection.cursor() as cursor:
        counts = {}
        for name, query in queries.items():
            cursor.execute(query, (release_id,))
            counts[name] = cursor.fetchone()[0]
    connection.close()
    return counts


def test_the_log_becomes_a_live_release(released: Released):
    context, report = released

    assert report.accepted, report.reason
    assert {"read the log", "judge and rank", "report", "publish"} <= {step.step for step in report.steps}
    live = lifecycle.live_release(context.dsn, SITE)
    assert live is not None
    assert live.release_id == report.release_id
    shown = change_release.shown(site=SITE, release_id=report.release_id, context=context)
    expected = {name: shown["manifest"]["files"][name]["rows"] for name in (*f.SERVED, USERS, ITEMS)}
    expected[FORM] = len(DOCUMENTS)
    assert report.rows == expected
    assert rows_in_postgres(context, report.release_id) == expected

    folder = context.settings.recsys_exchange_dir / SITE
    assert {path.name for path in folder.iterdir()} == {*f.EXPORTED, *f.AT_REQUEST_TIME}
    slates = pl.read_parquet(folder / f.RECOMMENDATIONS)
    users = context.datasets.scan("interactions", SITE).select(c.USER_ID).unique().collect().height
    assert slates.height == users

    mlflow.set_tracking_uri(context.tracking_uri)
    client = mlflow.MlflowClient()
    version = client.get_model_version_by_alias(f"{SITE}-ranker", "live")
    run = client.get_run(version.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["release_id"] == report.release_id
    assert run.data.params["data_hash"] == shown["manifest"]["data_hash"]
    assert run.data.metrics["ranked_ndcg_at_10"] > run.data.metrics["popularity_ndcg_at_10"]
    artifacts = {artifact.path for artifact in client.list_artifacts(version.run_id)}
    assert {"feature_importance.png", "evaluation_report.json", "report.html", "manifest.json"} <= artifacts
    page = mlflow.artifacts.load_text(f"runs:/{version.run_id}/report.html")
    assert "<b>Accepted.</b>" in page
    assert "How it learned" in page
    model = mlflow.catboost.load_model(f"models:/{SITE}-ranker@live")
    assert model.tree_count_ == run.data.metrics["trees"]


def test_a_site_that_re_ranks_is_judged_and_served_so(context: StageContext):
    rules = "reranking: {max_per_category: 2, positions: 10, exploration_share: 0.2, exploration_days: 60}"
    edit_site(context, "gate: {min_users: 20}", f"gate: {{min_users: 20}}\n{rules}")
    report = release(context)

    judged = change_release.judged(site=SITE, context=context)["contestants"]
    assert judged["ranked"]["metrics"] != judged["before_reranking"]["metrics"]
    assert judged["ranked"]["metrics"]["ndcg@10"] < judged["before_reranking"]["metrics"]["ndcg@10"]
    assert report.accepted, report.reason
    slates = pl.read_parquet(context.settings.recsys_exchange_dir / SITE / f.RECOMMENDATIONS)
    assert slates.select((pl.col(c.PROPENSITIES).list.len() == pl.col(c.ITEM_IDS).list.len()).all()).item()
    shown = slates.explode(c.ITEM_IDS, c.SCORES, c.SOURCES, c.PROPENSITIES)
    drawn = shown.filter(pl.col(c.SOURCES) == "ranked:exploration")
    assert drawn.height == pytest.approx(0.2 * 10 * slates.height, rel=0.2)
    assert drawn[c.PROPENSITIES].median() < 0.2 / 50, "one of many new items"
    assert shown[c.PROPENSITIES].is_between(0, 1, closed="right").all()


def test_slates_show_what_users_truly_want(released: Released):
    context, report = released
    folder = context.settings.recsys_exchange_dir / SITE
    slates = pl.read_parquet(folder / f.RECOMMENDATIONS)
    popular = pl.read_parquet(folder / f.TOP_POPULAR).filter(pl.col(c.CATEGORY) == "").sort(c.RANK)[c.ITEM_ID]
    users = slates.select(c.USER_ID, c.EXCLUDED_ITEMS)
    may_see = users.join(popular.to_frame(), how="cross").filter(~pl.col(c.ITEM_ID).is_in(pl.col(c.EXCLUDED_ITEMS)))
    shop = Shop(ShopParams(seed=11, users=250, items=160))

    def wanted(pairs: pl.DataFrame) -> float:
        top = pairs.group_by(c.USER_ID, maintain_order=True).head(10).select(c.USER_ID, c.ITEM_ID)
        return float(shop.expected_gain(top, AS_OF.date())[c.SCORE].mean())

    assert report.accepted
    ranked = slates.select(c.USER_ID, pl.col(c.ITEM_IDS).alias(c.ITEM_ID)).explode(c.ITEM_ID)
    assert wanted(ranked) > 1.15 * wanted(may_see)


def test_never_an_unavailable_or_bought_item(released: Released):
    context, _ = released
    folder = context.settings.recsys_exchange_dir / SITE
    slates = pl.read_parquet(folder / f.RECOMMENDATIONS)
    shown = slates.select(c.USER_ID, pl.col(c.ITEM_IDS).alias(c.ITEM_ID)).explode(c.ITEM_ID).drop_nulls()
    bought = (
        context.datasets.scan("interactions", SITE)
        .filter(pl.col(c.EVENT_TYPE) == "purchase")
        .select(c.USER_ID, c.ITEM_ID)
        .unique()
        .collect()
    )
    items = pl.read_parquet(folder / f.ITEMS)

    assert bought.height > 0
    assert shown.join(bought, on=[c.USER_ID, c.ITEM_ID]).is_empty()
    assert shown.join(items.filter(~pl.col(c.AVAILABLE)), on=c.ITEM_ID).is_empty()
    assert slates.explode(c.EXCLUDED_ITEMS).drop_nulls(c.EXCLUDED_ITEMS).height == bought.height


def test_the_same_again_finds_nothing_new(released: Released):
    context, report = released
    again = build_candidates.run(site=SITE, context=context)
    assert again.unchanged
    assert again.release_id == report.release_id
    with pytest.raises(ReleaseError, match=r"found it live.*never changes"):
        train_ranker.run(site=SITE, release_id=report.release_id, context=context)


def test_what_each_generator_found_and_cost_lies_with_the_release(released: Released):
    context, report = released
    store = f.ReleaseFiles(context.blobs, SITE, report.release_id)
    found = store.get_frame(f.GENERATORS)
    sources = [spec.kind for spec in context.site(SITE).candidates]
    assert set(found[c.SOURCE]) == {*sources, "pool"}
    assert set(found[c.K]) == {10, 20, 50, context.site(SITE).candidates_per_source}
    costs = found.filter(pl.col(c.SOURCE) != "pool")
    assert (costs.select(c.SECONDS, c.FIT_SECONDS, c.PROPOSED).min().row(0) > np.zeros(3)).all()
    assert f.GENERATORS not in store.get_json(f.MANIFEST)["files"]


def test_same_log_elsewhere_gives_the_same_files(released: Released, make_context: Callable[[], StageContext]):
    elsewhere = ranked_site(make_context)
    manifests = [
        change_release.shown(site=SITE, release_id=report.release_id, context=context)["manifest"]
        for context, report in (released, (elsewhere, release(elsewhere)))
    ]
    assert manifests[0]["release_id"] == manifests[1]["release_id"]
    assert manifests[0]["files"] == manifests[1]["files"]


def test_a_worse_release_is_refused_and_the_live_one_stays(quick: StageContext):
    live = release(quick)
    edit_site(quick, "gate: {min_users: 20}", "gate: {min_users: 20, min_lift_over_popularity: 50.0}")
    refused = release(quick)

    assert not refused.accepted
    assert "over popularity" in refused.reason
    assert refused.rows == {}
    pointer = lifecycle.live_release(quick.dsn, SITE)
    assert pointer is not None
    assert pointer.release_id == live.release_id
    states = {each.release_id: each.state for each in change_release.listed(site=SITE, context=quick)}
    assert states == {live.release_id: "live", refused.release_id: "refused"}
    assert change_release.judged(site=SITE, context=quick)["release_id"] == refused.release_id


def test_roll_back_and_activate_move_pointer_and_alias(quick: StageContext):
    first = release(quick)
    ingest_events.run(site=SITE, first=FIRST + timedelta(days=DAYS), context=quick)
    second = release(quick, days=DAYS)

    assert second.accepted, second.reason
    assert change_release.roll_back(site=SITE, context=quick).release_id == first.release_id
    mlflow.set_tracking_uri(quick.tracking_uri)
    version = mlflow.MlflowClient().get_model_version_by_alias(f"{SITE}-ranker", "live")
    assert version.tags["release_id"] == first.release_id
    assert (
        change_release.activate(site=SITE, release_id=second.release_id, context=quick).release_id == second.release_id
    )
    with pytest.raises(ReleaseError, match="next in line"):
        change_release.retire(site=SITE, release_id=first.release_id, context=quick)


def test_maintenance_keeps_what_serves(released: Released):
    context, report = released
    before = context.blobs.list("")
    kept = maintain_storage.run(site=SITE, context=context)
    assert (kept.releases, kept.removed, kept.bytes) == ({}, {}, 0)
    assert context.blobs.list("") == before
    assert rows_in_postgres(context, report.release_id) == report.rows


def test_too_short_a_log_is_said_clearly(context: StageContext):
    with pytest.raises(NotEnoughData, match="no event log"):
        build_candidates.run(site=SITE, context=context)
    ingest_events.run(site=SITE, first=FIRST, days=3, context=context)
    with pytest.raises(NotEnoughData, match="more than 14 days before 2026-03-04"):
        build_candidates.run(site=SITE, context=context)


def test_stages_out_of_order_say_what_is_missing(quick: StageContext):
    with pytest.raises(ReleaseError, match="build candidates first"):
        train_ranker.run(site=SITE, context=quick)
    ingest_events.run(site=SITE, first=FIRST, days=DAYS, context=quick)
    built = build_candidates.run(site=SITE, context=quick)
    with pytest.raises(ReleaseError, match=f"{f.CATBOOST_MODEL}.*train_ranker"):
        release_recommendations.run(site=SITE, release_id=built.release_id, context=quick)
    [failed] = change_release.listed(site=SITE, context=quick)
    assert failed.state == "failed"
    assert failed.reason.startswith(f"ReleaseError: release {built.release_id}: found no {f.CATBOOST_MODEL}")
    train_ranker.run(site=SITE, context=quick)
    assert release_recommendations.run(site=SITE, context=quick).live


def test_an_unknown_site_is_named(context: StageContext, tmp_path: Path):
    with pytest.raises(UnknownSiteError, match="small_shop"):
        build_candidates.run(site="nowhere", context=context)
