"""One release, looked at from all sides: where it came from, how it loads elsewhere, how it is made again."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mlflow
import polars as pl
import pytest

from recsys import columns as c
from recsys.releases import files as f
from recsys.stages import (
    build_candidates,
    change_release,
    ingest_events,
    rebuild_release,
    release_recommendations,
    train_ranker,
)
from recsys.stages.context import StageContext
from tests.recsys.stages.conftest import DAYS, FIRST, SITE

pytestmark = pytest.mark.platform

Released = tuple[StageContext, str]

ELSEWHERE = """
import sys
import mlflow, polars as pl

rows, folder, site = pl.read_parquet(sys.argv[1]), *sys.argv[2:]
ranker, generators = (mlflow.pyfunc.load_model(f"models:/{site}-{kind}@live") for kind in ("ranker", "generators"))
pl.DataFrame({"score": ranker.predict(rows.to_pandas())}).write_parquet(folder + "/scores.parquet")
users = rows.select("user_id").unique().sort("user_id").head(20).to_pandas()
pl.from_pandas(generators.predict(users, params={"k": 60})).write_parquet(folder + "/candidates.parquet")
"""


@pytest.fixture(scope="module")
def released(make_context: Callable[[], StageContext]) -> Released:
    """A site with a live release."""
    context = make_context()
    ingest_events.run(site=SITE, first=FIRST, days=DAYS, context=context)
    built = build_candidates.run(site=SITE, context=context)
    train_ranker.run(site=SITE, release_id=built.release_id, context=context)
    report = release_recommendations.run(site=SITE, release_id=built.release_id, context=context)
    assert report.accepted, report.reason
    return context, built.release_id


def files_of(released: Released) -> f.ReleaseFiles:
    context, release_id = released
    return f.ReleaseFiles(context.blobs, SITE, release_id)


def test_models_load_where_nothing_was_trained(released: Released, tmp_path: Path):
    """A fresh process with an empty home, told the tracking server's address alone."""
    context, release_id = released
    store = files_of(released)
    rows = store.get_frame(f.CANDIDATES_INFERENCE)
    rows.write_parquet(tmp_path / "rows.parquet")
    root = Path(__file__).parents[3]
    environment = {"MLFLOW_TRACKING_URI": context.tracking_uri, "HOME": str(tmp_path), "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", ELSEWHERE, str(tmp_path / "rows.parquet"), str(tmp_path), SITE]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr

    scored = rows.with_columns(pl.read_parquet(tmp_path / "scores.parquet").to_series().alias(c.SCORE))
    served = store.get_frame(f.RECOMMENDATIONS).explode(c.ITEM_IDS, c.SCORES).drop_nulls(c.ITEM_IDS)
    both = served.join(scored, left_on=[c.USER_ID, c.ITEM_IDS], right_on=[c.USER_ID, c.ITEM_ID])
    assert both.height == served.height > 1000
    assert (both[c.SCORES] - both[c.SCORE]).abs().max() < 1e-5

    proposed = pl.read_parquet(tmp_path / "candidates.parquet")
    assert set(proposed[c.SOURCE]) == {spec.kind for spec in context.site(SITE).candidates}
    als = proposed.filter(pl.col(c.SOURCE) == "als").join(rows, on=[c.USER_ID, c.ITEM_ID])
    assert als.height > 100
    assert (als[c.SCORE] - als[c.source_score("als")]).abs().max() < 1e-6

    client = mlflow.MlflowClient(tracking_uri=context.tracking_uri)
    for kind in ("ranker", "generators"):
        model = client.get_registered_model(f"{SITE}-{kind}")
        assert set(model.aliases) == {"live"}, "what went live is no challenger"
        version = client.get_model_version_by_alias(model.name, "live")
        assert version.tags["release_id"] == release_id


def test_no_model_file_is_a_pickle(released: Released):
    names = files_of(released).get_json(f.MANIFEST)["files"]
    assert {Path(name).suffix for name in names} == {".parquet", ".npz", ".json", ".cbm"}


def test_the_chain_leads_from_the_release_to_the_source_files(released: Released):
    context, release_id = released
    shown = change_release.shown(site=SITE, release_id=release_id, context=context)
    manifest, lineage = shown["manifest"], shown["lineage"]
    partitions = context.datasets.manifests(SITE)
    assert lineage["data_hash"] == manifest["data_hash"]
    assert [each["partition"] for each in lineage["partitions"]] == [each.partition.key for each in partitions]
    assert [each["content_hash"] for each in lineage["partitions"]] == [each.content_hash for each in partitions]
    of_partitions = {digest for each in lineage["partitions"] for digest in each["source_files"]}
    assert of_partitions == {each["sha256"] for each in lineage["source_files"]}
    assert manifest["config"] == context.site(SITE).model_dump(mode="json")
    assert set(manifest["libraries"]) >= {"python", "polars", "catboost", "implicit"}
    assert manifest["seed"] == 7
    assert {f.LINEAGE, f.CATBOOST_MODEL, f.RECOMMENDATIONS, "generators/als/arrays.npz"} <= set(manifest["files"])


def test_a_release_is_made_again_elsewhere_byte_by_byte(
    released: Released, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Another folder, and no Postgres, MLflow or clock to ask: the manifest has all that it takes."""
    context, release_id = released
    before = context.blobs.list("")
    alone = StageContext(
        context.settings.model_copy(update={"recsys_postgres_port": 1, "mlflow_tracking_uri": "http://127.0.0.1:1"}),
        context.blobs,
        context.datasets,
    )
    report = rebuild_release.run(site=SITE, release_id=release_id, into=tmp_path / "again", context=alone)

    assert report.identical, {name: each for name, each in report.files.items() if each.recorded != each.rebuilt}
    assert set(report.files) == set(files_of(released).get_json(f.MANIFEST)["files"])
    assert report.differs == ()
    assert context.blobs.list("") == before

    monkeypatch.setattr(rebuild_release, "code_version", lambda: "other")
    monkeypatch.setattr(rebuild_release, "installed", lambda: {"polars": "9.9"})
    manifest = rebuild_release.ReleaseManifest.model_validate(files_of(released).get_json(f.MANIFEST))
    told = rebuild_release._differences(manifest)
    assert told[0] == f"code: {manifest.code_version} → other"
    assert f"polars: {manifest.libraries['polars']} → 9.9" in told


def test_stages_that_are_run_again_compute_nothing(make_context: Callable[[], StageContext]):
    context = make_context()
    ingest_events.run(site=SITE, first=FIRST, days=DAYS, context=context)
    built = build_candidates.run(site=SITE, context=context)
    written = context.blobs.modified("releases/")
    assert build_candidates.run(site=SITE, context=context) == built
    assert context.blobs.modified("releases/") == written

    trained = train_ranker.run(site=SITE, context=context)
    written, runs = context.blobs.modified("releases/"), runs_of(context, built.release_id)
    assert train_ranker.run(site=SITE, context=context) == trained
    assert trained.mlflow_run_id in runs
    assert context.blobs.modified("releases/") == written
    assert runs_of(context, built.release_id) == runs


def runs_of(context: StageContext, release_id: str) -> list[str]:
    """Runs of one release's training, whichever site and database it was made for."""
    client = mlflow.MlflowClient(tracking_uri=context.tracking_uri)
    experiment = client.get_experiment_by_name(SITE).experiment_id
    return [run.info.run_id for run in client.search_runs([experiment], f"tags.release_id = '{release_id}'")]
