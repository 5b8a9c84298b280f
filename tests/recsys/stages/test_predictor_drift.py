"""A predictor whose shop stays as it was raises no alarm; habits that change, and promises that fail, are told."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.datasets.tables import INTERACTED
from recsys.evaluation.drift.reference import Reference
from recsys.releases import files as f
from recsys.serving import lifecycle
from recsys.stages import ingest_events, train_predictor, watch_drift
from recsys.testing.clicks import START, drawn_clicks
from tests.recsys.stages.conftest import SITE, YAML, show

FIRST, DAYS = date(2026, 3, 2), 28
TRAINED = datetime(2026, 3, 23, tzinfo=UTC)
"""After three weeks; the fourth is looked at."""
LAST = FIRST + timedelta(days=DAYS - 1)


def configure(context, predictors: str, drift: str = "{}") -> None:
    text = YAML.format(site=SITE).replace("users: 250", "users: 500")
    text += f"predictors: {predictors}\ndrift: {{predictors: {drift}, max_release_age_hours: 9999}}\n"
    (context.settings.sites_dir / f"{SITE}.yaml").write_text(text)


def watched(context, day: date = LAST):
    (found,) = watch_drift.run(site=SITE, day=day, context=context).predictors
    return found


def alarms(found) -> list[str]:
    return [check.name for check in found.alarms]


@pytest.fixture(scope="module")
def shop(make_context):
    """A shop with a purchase intent that was trained after three weeks, and a week that nothing was learned from."""
    context = make_context()
    configure(context, "{intent: {iterations: 40}}")
    ingest_events.run(site=SITE, first=FIRST, days=DAYS, context=context)
    report = train_predictor.run(site=SITE, surface="intent", as_of=TRAINED, context=context)
    assert report.state == "live", report.decision.reason
    return context


@pytest.fixture
def rewritten(shop, monkeypatch):
    """Reads the log as ``change`` makes it."""
    scan = type(shop.datasets).read

    def rewrite(change):
        monkeypatch.setattr(
            type(shop.datasets),
            "read",
            lambda store, table, manifests: (
                change(scan(store, table, manifests)) if table == INTERACTED else scan(store, table, manifests)
            ),
        )

    return rewrite


def test_what_it_was_judged_on_is_kept_with_the_release(shop):
    live = lifecycle.live_release(shop.dsn, SITE, "intent")
    kept = Reference.model_validate(f.ReleaseFiles(shop.blobs, SITE, live.release_id).get_json(f.REFERENCE))
    assert kept.rows > 500
    assert len(kept.features) > 30
    assert 0 < kept.rate < 1
    assert kept.auc > 0.6
    assert all(sum(each.counts) == kept.rows for each in (*kept.features.values(), kept.predictions))


def test_a_week_like_those_before_raises_no_alarm(shop):
    for offset in (23, 27):
        found = watched(shop, FIRST + timedelta(days=offset))
        assert alarms(found) == []
        assert found.trained_as_of == TRAINED
    assert found.found.rows > 500
    assert found.found.outcome.gain.mean > 0
    calibration = found.found.outcome.calibration
    assert calibration.low < 1.1
    assert calibration.high > 0.9


def test_habits_that_changed_are_told_with_their_features_and_the_predictions(shop, rewritten):
    later = pl.col(c.TIMESTAMP) >= TRAINED
    rewritten(
        lambda rows: rows.with_columns(
            pl.when(later & (pl.col(c.EVENT_TYPE) == "view"))
            .then(pl.lit("cart"))
            .otherwise(c.EVENT_TYPE)
            .alias(c.EVENT_TYPE)
        )
    )
    found = watched(shop)
    assert "a feature's drift (PSI)" in alarms(found)
    assert "since_view" in next(check for check in found.alarms if "PSI" in check.name).found
    assert "the predictions' drift (PSI)" in alarms(found)


def test_purchases_that_no_longer_follow_are_told_as_a_scale_that_does_not_hold(shop, rewritten):
    keep = (
        (pl.col(c.TIMESTAMP) < TRAINED) | (pl.col(c.EVENT_TYPE) != "purchase") | (pl.col(c.USER_ID).str.ends_with("7"))
    )
    rewritten(lambda rows: rows.filter(keep))
    found = watched(shop)
    assert "what happened, relative to what was predicted" in alarms(found)
    assert found.found.outcome.calibration.high < 0.8
    report = watch_drift.run(site=SITE, day=LAST, context=shop)
    assert report.predictor_alarms
    assert report.alarms == ()
    assert "intent: what happened, relative to what was predicted" in report.reason


def test_an_old_one_is_told_and_one_of_later_than_the_day_is_not_looked_at(shop):
    configure(shop, "{intent: {iterations: 40}}", "{max_age_hours: 100}")
    assert alarms(watched(shop)) == ["the age of what it knows, in hours"]
    configure(shop, "{intent: {iterations: 40}}")
    assert watch_drift.run(site=SITE, day=TRAINED.date() - timedelta(days=2), context=shop).predictors == ()
    configure(shop, "{}")
    assert watch_drift.run(site=SITE, day=LAST, context=shop).predictors == ()


def test_clicks_are_looked_at_that_were_too_young_to_be_learned_from(make_context):
    context = make_context()
    rows, _ = drawn_clicks(24_000, rng=np.random.default_rng(1))
    show(context, rows)
    configure(context, "{ctr: {iterations: 40, learning_rate: 0.2, label_hours: 24}}")
    ingest_events.run(site=SITE, first=START.date(), days=15, context=context)
    trained = START + timedelta(days=12)
    report = train_predictor.run(site=SITE, surface="ctr", as_of=trained, context=context)
    assert report.state == "live", report.decision.reason
    last = (START + timedelta(days=13)).date()
    found = watched(context, last)
    young, old = trained - timedelta(hours=24), trained + timedelta(hours=24)
    assert found.found.rows == sum(young <= time < old for time in rows[c.TIMESTAMP])
    assert alarms(found) == []
    assert found.found.outcome.calibration.low < 1 < found.found.outcome.calibration.high
    assert watched(context, trained.date() - timedelta(days=1)).found is None


def test_sessions_that_go_on_otherwise_are_told_and_others_are_not(shop, rewritten):
    last_item = "{position_decay: 0.0, window: 1, backward: 0.0, popularity_power: 0.0, shrinkage: 0.0}"
    how = f"kind: followers, params: {last_item}, judged_prefixes: 500, checks: {{min_sessions: 50}}"
    configure(shop, f"{{session: {{{how}}}}}")
    report = train_predictor.run(site=SITE, surface="session", as_of=TRAINED, context=shop)
    assert report.state == "live", report.decision.reason
    found = watched(shop)
    assert alarms(found) == []
    assert found.found.mrr_before == report.quality["model"].mrr
    assert found.found.mrr.low < found.found.mrr_before * 1.2
    assert found.found.unknown_items < 0.1
    later = pl.col(c.TIMESTAMP) >= TRAINED
    renamed = pl.when(later).then("new" + pl.col(c.ITEM_ID)).otherwise(c.ITEM_ID).alias(c.ITEM_ID)
    rewritten(lambda rows: rows.with_columns(renamed))
    assert alarms(watched(shop)) == ["items that it does not know", "the MRR@20"]
