"""One release, looked at from all sides: where it came from, how it loads elsewhere, how it is made again."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import mlflow
import polars as pl
import psycopg2
import pytest
import yaml
from pydantic import BaseModel
from typer.testing import CliRunner

from recsys import columns as c
from recsys.candidates.registry import KINDS
from recsys.cli import app
from recsys.errors import ConfigError, ReleaseError
from recsys.releases import files as f
from recsys.releases.manifest import ReleaseManifest
from recsys.stages import (
    build_candidates,
    change_release,
    ingest_events,
    rebuild_release,
    release_recommendations,
    trace_request,
    track_pipeline,
    train_ranker,
)
from recsys.stages.context import StageContext
from recsys.stages.pipeline import Params, Pipeline
from tests.recsys.stages.conftest import AS_OF, DAYS, FIRST, SITE

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
    """A site with a live release, whose YAML was another while its slates were made."""
    context = make_context()
    ingest_events.run(site=SITE, first=FIRST, days=DAYS, context=context)
    built = build_candidates.run(site=SITE, context=context)
    train_ranker.run(site=SITE, release_id=built.release_id, context=context)
    file = context.settings.sites_dir / f"{SITE}.yaml"
    text = file.read_text()
    file.write_text(yaml.safe_dump(yaml.safe_load(text) | {"serving": {"slate_size": 10, "repeats": "favour"}}))
    report = release_recommendations.run(site=SITE, release_id=built.release_id, context=context)
    file.write_text(text)
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


def command(context: StageContext, monkeypatch: pytest.MonkeyPatch, *words: object, **other: str) -> str:
    """What ``recsys`` prints where the environment says what ``context`` does, but for ``other``."""
    for name, value in {**context.settings.environment(), **other}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "200")
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output + str(done.exception)
    return done.stdout


def test_a_release_is_made_again_elsewhere_byte_by_byte(
    released: Released, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Another folder, and no Postgres, MLflow or clock to ask: the manifest has all that it takes."""
    context, release_id = released
    before = context.blobs.list("")
    nobody = {"RECSYS_POSTGRES_PORT": "1", "MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}
    words = ("rebuild", release_id, "--site", SITE, "--into", tmp_path / "again", "--json")
    report = json.loads(command(context, monkeypatch, *words, **nobody))

    assert report["identical"], {n: each for n, each in report["files"].items() if each["recorded"] != each["rebuilt"]}
    assert set(report["files"]) == set(files_of(released).get_json(f.MANIFEST)["files"])
    assert report["differs"] == []
    assert context.blobs.list("") == before


def test_what_is_not_as_it_was_is_said(released: Released, monkeypatch: pytest.MonkeyPatch):
    manifest = ReleaseManifest.model_validate(files_of(released).get_json(f.MANIFEST))
    monkeypatch.setattr(rebuild_release, "code_version", lambda: "other")
    monkeypatch.setattr(rebuild_release, "installed", lambda: {**manifest.libraries, "polars": "9.9"})
    told = rebuild_release.differences(manifest)
    assert told == [f"code: {manifest.code_version} → other", f"polars: {manifest.libraries['polars']} → 9.9"]


def test_a_partition_that_is_gone_is_named(released: Released):
    context, _ = released
    store, copy = files_of(released), f.ReleaseFiles(context.blobs, SITE, "copy")
    lineage = store.get_json(f.LINEAGE)
    lineage["partitions"][0]["tables"]["interactions"]["key"] = "events/gone.parquet"
    copy.put_json(f.MANIFEST, store.get_json(f.MANIFEST))
    copy.put_json(f.LINEAGE, lineage)
    with pytest.raises(ReleaseError, match=r"1 of its 40 partitions gone \(2026-03-01\)"):
        rebuild_release.run(site=SITE, release_id="copy", into=Path("nowhere"), context=context)
    copy.remove()


def test_a_request_is_traced_to_what_led_to_each_item(released: Released, monkeypatch: pytest.MonkeyPatch):
    """One item of the user's slate, and one that was mixed in because of what the user did after the release."""
    context, release_id = released
    store = files_of(released)
    user, items, sources = store.get_frame(f.RECOMMENDATIONS).select(c.USER_ID, c.ITEM_IDS, c.SOURCES).row(0)
    seen, near = store.get_frame(f.SIMILAR).select(c.ITEM_ID, c.SIMILAR_ITEM_ID).row(0)
    with psycopg2.connect(context.dsn) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO recsys.event (site, event_id, user_id, item_id, event_type, timestamp) "
            "VALUES (%s, 'told', %s, %s, 'view', %s)",
            (SITE, user, seen, AS_OF + timedelta(minutes=5)),
        )
        cursor.execute(
            "INSERT INTO recsys.impression VALUES (%s, 'r-1', %s, %s, 'live', %s, %s, %s, %s)",
            (
                *(SITE, user, release_id, [near, items[0]], ["similar", sources[0]]),
                *(AS_OF + timedelta(minutes=6), json.dumps([[seen], ["i1"]])),
            ),
        )
    connection.close()
    trace = trace_request.run(site=SITE, request_id="r-1", context=context)

    manifest = store.get_json(f.MANIFEST)
    assert (trace.release_id, trace.user_id) == (release_id, user)
    assert trace.ranker == f"models:/{SITE}-ranker/{manifest['model_version']}"
    assert trace.generators == f"models:/{SITE}-generators/{manifest['generators_version']}"
    mixed, ranked = trace.items
    assert (mixed.item_id, mixed.source, mixed.because) == (near, "similar", (seen,))
    assert (ranked.item_id, ranked.slate_rank) == (items[0], 1)
    rows = store.get_frame(f.CANDIDATES_INFERENCE).filter(pl.col(c.USER_ID) == user, pl.col(c.ITEM_ID) == items[0])
    [row] = rows.to_dicts()
    assert ranked.features[c.USER_EVENTS] == row[c.USER_EVENTS]
    assert {each.source: each.rank for each in ranked.candidates} == {
        source: rank for source in KINDS if (rank := row.get(c.source_rank(source))) is not None
    }
    assert (trace.events[0].item_id, trace.events[0].partition) == (seen, None)
    known = context.datasets.scan("interactions", SITE).filter(pl.col(c.USER_ID) == user).collect()
    of_the_log = [event for event in trace.events if event.partition]
    assert len(of_the_log) == min(known.height, trace_request.EVENTS_SHOWN)
    assert all(event.partition == f"{event.timestamp:%Y-%m-%d}" for event in of_the_log)

    said = command(context, monkeypatch, "trace", "r-1", "--site", SITE)
    for told in (release_id, f"1. {near}  similar  because of {seen}", "rank 1 of the slate", c.USER_EVENTS):
        assert told in said
    said = command(context, monkeypatch, "releases", "show", release_id, "--site", SITE)
    for told in ("partitions (40)", "2026-03-01", "source files (", f"models:/{SITE}-ranker/", "git commit", "seed 7"):
        assert told in said
    with pytest.raises(ReleaseError, match="no impression of request 'r-2'"):
        trace_request.run(site=SITE, request_id="r-2", context=context)


def test_stages_that_are_run_again_compute_nothing(make_context: Callable[[], StageContext]):
    context = make_context()
    ingest_events.run(site=SITE, first=FIRST, days=DAYS, context=context)
    built = build_candidates.run(site=SITE, context=context)
    unchanged(context, built, lambda: build_candidates.run(site=SITE, context=context))
    trained = train_ranker.run(site=SITE, context=context)
    unchanged(context, trained, lambda: train_ranker.run(site=SITE, context=context))
    judged = release_recommendations.run(site=SITE, context=context)
    again = partial(release_recommendations.run, site=SITE, release_id=built.release_id, context=context)
    unchanged(context, judged, again)


def unchanged(context: StageContext, first: BaseModel, again: Callable[[], BaseModel]) -> None:
    """The stage says what it said, and put nothing into the object store or MLflow."""
    before = context.blobs.modified("releases/"), runs(context)
    told = again().model_dump(exclude={"steps"})
    assert told == first.model_dump(exclude={"steps"})
    assert (context.blobs.modified("releases/"), runs(context)) == before


def runs(context: StageContext) -> list[tuple[str, int, int]]:
    """Every run of the site's experiment: when it ended, and how many metrics it has."""
    client = mlflow.MlflowClient(tracking_uri=context.tracking_uri)
    experiment = client.get_experiment_by_name(SITE).experiment_id
    found = client.search_runs([experiment])
    return [(run.info.run_id, run.info.end_time, len(run.data.metrics)) for run in found]


def test_dvc_computes_what_airflow_would(released: Released, tmp_path: Path):
    """The steps of dvc.yaml on the same log: the same release, file by file; dvc.lock is logged beside it."""
    context, release_id = released
    for key in context.blobs.list("events/"):
        context.blobs.download(key, tmp_path / "workspace" / "log" / key)
    params = tmp_path / "params.yaml"
    site = context.site(SITE).model_dump(mode="json")
    params.write_text(yaml.safe_dump({"first": str(FIRST), "days": DAYS, "site": site}))
    pipeline = Pipeline(Params.read(params), tmp_path / "workspace")
    for step in (pipeline.candidates, pipeline.ranker, pipeline.judgement, pipeline.slates, pipeline.manifest):
        step()

    made = json.loads((tmp_path / "workspace" / "manifest" / f.MANIFEST).read_text())
    recorded = files_of(released).get_json(f.MANIFEST)
    assert made["release_id"] == release_id
    assert {name: entry["sha256"] for name, entry in made["files"].items()} == {
        name: entry["sha256"] for name, entry in recorded["files"].items()
    }

    with pytest.raises(ConfigError, match=r"dvc\.lock.*run it first"):
        track_pipeline.run(params=params, folder=pipeline.folder, lock=tmp_path / "dvc.lock", settings=context.settings)
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\n")
    tracked = track_pipeline.run(
        params=params, folder=pipeline.folder, lock=tmp_path / "dvc.lock", settings=context.settings
    )
    client = mlflow.MlflowClient(tracking_uri=context.tracking_uri)
    run = client.get_run(tracked.mlflow_run_id)
    assert {file.path for file in client.list_artifacts(tracked.mlflow_run_id)} == {
        "dvc.lock",
        "params.yaml",
        "manifest.json",
    }
    assert run.data.metrics["ranked_ndcg_at_10"] > 0
    assert run.data.tags["release_id"] == release_id
