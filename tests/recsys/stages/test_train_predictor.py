"""Predictors come from the log to Postgres through a gate that is closed by default."""

import numpy as np
import polars as pl
import pytest
import yaml

from recsys.errors import ConfigError, ReleaseError, TableRefused
from recsys.releases import files as f
from recsys.serving import lifecycle, publishing
from recsys.serving.postgres import transaction
from recsys.stages import change_release, cleaning, ingest_events, train_predictor
from recsys.testing.clicks import CLICK, START, drawn_clicks
from tests.recsys.stages.conftest import AS_OF, DAYS, FIRST, SITE, YAML, show


def with_predictors(context, **predictors):
    site = yaml.safe_load(YAML.format(site=SITE)) | {"predictors": predictors}
    (context.settings.sites_dir / f"{SITE}.yaml").write_text(yaml.safe_dump(site))


def with_clicks(context, folder, *, rows=16_000, shuffled=False, **policy):
    """The site learns clicks from a file of drawn impressions."""
    drawn, _ = drawn_clicks(rows, rng=np.random.default_rng(1))
    labels = drawn[CLICK].cast(pl.Int8).to_numpy()
    told = np.random.default_rng(2).permutation(labels) if shuffled else labels
    times = pl.col("timestamp").dt.to_string("iso:strict")
    drawn.with_columns(times, pl.Series(CLICK, told)).write_csv(folder / "train.csv")
    with_predictors(context, ctr={"path": str(folder), "iterations": 40, "learning_rate": 0.2, **policy})


def train(context, surface, **how):
    return train_predictor.run(site=SITE, surface=surface, as_of=AS_OF, context=context, **how)


def files_in_postgres(context, release_id):
    with transaction(context.dsn) as cursor:
        cursor.execute("SELECT name, content FROM recsys.ranker_file WHERE release_id = %s", (release_id,))
        return {name: bytes(content) for name, content in cursor.fetchall()}


@pytest.fixture(scope="module")
def shop(make_context):
    """A shop whose log is there, and nothing else."""
    context = make_context()
    ingest_events.run(site=SITE, first=FIRST, days=DAYS, context=context)
    return context


@pytest.fixture(scope="module")
def intent(shop):
    """What the first training said."""
    with_predictors(shop, intent={"iterations": 40})
    return train(shop, "intent")


def test_a_purchase_intent_that_is_better_than_the_base_rate_goes_live(shop, intent):
    report = intent
    assert report.state == "live", report.decision.reason
    quality = report.quality
    assert set(quality) == {"model", "base rate", "last event", "logistic on counts"}
    assert quality["model"].log_loss < quality["base rate"].log_loss
    assert quality["model"].auc > 0.6
    live = lifecycle.live_release(shop.dsn, SITE, "intent")
    assert live.release_id == report.release_id
    assert lifecycle.live_release(shop.dsn, SITE) is None
    store = f.ReleaseFiles(shop.blobs, SITE, report.release_id)
    kept = files_in_postgres(shop, report.release_id)
    assert set(kept) == {"model.cbm", "predictor.json"}
    assert all(store.get_bytes(f"model/{name}") == content for name, content in kept.items())


def test_the_same_training_again_trains_nothing(shop, intent):
    with_predictors(shop, intent={"iterations": 40})
    again = train(shop, "intent")
    assert again == intent.model_copy(update={"quality": {}, "page": "", "unchanged": True})


def test_trained_again_all_the_same_it_is_the_same_release_and_no_worse_than_itself(shop, intent):
    with_predictors(shop, intent={"iterations": 40})
    shop.blobs.delete(f"trainings/{SITE}/intent.json")
    again = train(shop, "intent")
    assert (again.release_id, again.state, again.unchanged) == (intent.release_id, "live", False)
    assert again.decision.against["live"].mean == 0


def test_a_recurrent_network_follows_the_trees_through_the_same_gate(shop, intent):
    pytest.importorskip("jax", reason="the extra neural is not installed")
    with_predictors(shop, intent={"model": "recurrent", "recurrent": {"hidden_size": 8, "epochs": 3, "batch_size": 8}})
    report = train(shop, "intent")
    assert report.state == "live", report.decision.reason
    assert set(report.quality) == {*intent.quality, "live"}
    assert report.quality["live"].log_loss == intent.quality["model"].log_loss
    assert report.quality["model"].auc > 0.6
    assert set(files_in_postgres(shop, report.release_id)) == {"network.npz", "predictor.json"}


def test_a_run_in_mlflow_has_parameters_metrics_the_curve_and_the_model(shop, intent):
    import mlflow

    report = intent
    client = mlflow.MlflowClient(tracking_uri=shop.tracking_uri)
    run = client.get_run(report.mlflow_run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["surface"] == "intent"
    assert run.data.params["iterations"] == "40"
    assert run.data.metrics["model.log_loss"] == pytest.approx(report.quality["model"].log_loss)
    assert "base_rate.log_loss" in run.data.metrics
    assert {each.path for each in client.list_artifacts(report.mlflow_run_id)} == {
        "calibration.png",
        "predictor_report.json",
    }
    (version,) = client.search_model_versions(f"name = '{SITE}-intent' and run_id = '{report.mlflow_run_id}'")
    assert version.tags["release_id"] == report.release_id


def test_shuffled_labels_are_refused_with_the_reason_and_what_is_live_stays(shop, tmp_path):
    with_clicks(shop, tmp_path)
    good = train(shop, "ctr")
    assert good.state == "live", good.decision.reason
    with_clicks(shop, tmp_path, shuffled=True)
    bad = train(shop, "ctr")
    assert bad.state == "refused"
    assert "base rate" in bad.decision.reason
    assert lifecycle.live_release(shop.dsn, SITE, "ctr").release_id == good.release_id
    summary = lifecycle.release_summary(shop.dsn, SITE, bad.release_id)
    assert (summary.state, summary.reason, summary.surface) == ("refused", bad.decision.reason, "ctr")
    assert files_in_postgres(shop, bad.release_id) == {}
    with pytest.raises(ReleaseError, match="was refused"):
        change_release.activate(site=SITE, release_id=bad.release_id, context=shop)


def test_clicks_are_learned_from_what_the_web_service_showed(make_context):
    context = make_context()
    drawn, _ = drawn_clicks(16_000, rng=np.random.default_rng(1))
    show(context, drawn)
    ingest_events.run(site=SITE, first=START.date(), days=15, context=context)
    with_predictors(context, ctr={"iterations": 40, "learning_rate": 0.2, "label_hours": 1})
    report = train_predictor.run(site=SITE, surface="ctr", context=context)
    model = report.quality["model"]
    assert report.state == "live", report.decision.reason
    assert model.rows == round(0.2 * drawn.height)
    assert model.base_rate == pytest.approx(drawn[CLICK][-model.rows :].mean())
    assert model.auc > 0.6


def test_a_table_that_is_not_what_the_site_expects_trains_nothing(shop, tmp_path):
    with_clicks(shop, tmp_path, checks={"min_rows": 10_000_000})
    before = lifecycle.releases(shop.dsn, SITE)
    with pytest.raises(TableRefused, match="min_rows"):
        train(shop, "ctr")
    assert lifecycle.releases(shop.dsn, SITE) == before


@pytest.mark.parametrize("surface", ["intent", "ctr"])
def test_a_site_that_does_not_ask_for_it_gets_none(shop, surface):
    with_predictors(shop)
    with pytest.raises(ConfigError, match=f"predictors.{surface}"):
        train(shop, surface)


def test_it_is_rolled_back_published_again_and_cleaned_by_surface(shop, tmp_path):
    with_clicks(shop, tmp_path, rows=16_000)
    first = train(shop, "ctr")
    with_clicks(shop, tmp_path, rows=20_000, iterations=60)
    second = train(shop, "ctr")
    dsn = shop.dsn
    for each in (first, second):
        change_release.activate(site=SITE, release_id=each.release_id, context=shop)
    rolled = change_release.roll_back(site=SITE, surface="ctr", context=shop)
    assert rolled.release_id == first.release_id
    publishing.retire(dsn, SITE, second.release_id)
    assert files_in_postgres(shop, second.release_id) == {}
    change_release.activate(site=SITE, release_id=second.release_id, context=shop)
    assert len(files_in_postgres(shop, second.release_id)) == 4
    refused = [each for each in lifecycle.releases(dsn, SITE, surface="ctr") if each.state == "refused"]
    plan = cleaning.plan(shop, SITE)
    assert not {first.release_id, second.release_id} & plan.releases.keys()
    assert plan.releases.keys() <= {each.release_id for each in refused}
