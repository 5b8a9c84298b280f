"""A normal week of a simulated shop raises no alarm; a day on which prices or habits changed is told by name."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from recsys import columns as c
from recsys.datasets.tables import INTERACTED
from recsys.errors import NotEnoughData
from recsys.evaluation.drift.report import DriftReport
from recsys.serving.migrate import migrate
from recsys.serving.postgres import transaction
from recsys.stages import ingest_events, watch_drift
from recsys.stages.context import StageContext, open_context

SITE = "steady_shop"
FIRST, DAYS = date(2026, 3, 2), 49
LEARNED = datetime(2026, 4, 6, tzinfo=UTC)
"""As of which the live release knows the shop: after five weeks."""
YAML = """
site: steady_shop
source: {kind: simulator, params: {seed: 3, users: 600, items: 200}}
interactions:
  - {name: view, weight: 1.0}
  - {name: cart, weight: 3.0}
  - {name: purchase, weight: 5.0}
drift: {max_release_age_hours: 1000, max_event_age_hours: 48}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The event log of seven weeks."""
    folder = tmp_path_factory.mktemp("drift")
    (folder / "sites").mkdir()
    (folder / "sites" / f"{SITE}.yaml").write_text(YAML)
    return folder


@pytest.fixture
def context(createdb, folder) -> StageContext:
    """The same log, with a release that is live."""
    settings = createdb().model_copy(
        update={"recsys_sites_dir": folder / "sites", "recsys_data_url": str(folder / "data")}
    )
    migrate(settings.postgres_dsn())
    context = open_context(settings)
    if not context.datasets.manifests(SITE):
        with pytest.raises(NotEnoughData, match="no committed day"):
            watch_drift.run(site=SITE, context=context)
        ingest_events.run(site=SITE, first=FIRST, days=DAYS, context=context)
    with transaction(context.dsn) as cursor:
        cursor.execute(
            "INSERT INTO recsys.release (site, release_id, state, as_of, created_at, published) "
            "VALUES (%s, 'live', 'live', %s, %s, true)",
            (SITE, LEARNED, LEARNED),
        )
        cursor.execute(
            "INSERT INTO recsys.live_release (site, surface, release_id, activated_at) "
            "VALUES (%s, 'recommendations', 'live', %s)",
            (SITE, LEARNED),
        )
    return context


def alarms(report: DriftReport) -> dict[str, str]:
    return {check.name: check.found for check in report.alarms}


def test_a_normal_week_raises_no_alarm(context):
    for offset in range(DAYS - 7, DAYS):
        report = watch_drift.run(site=SITE, day=FIRST + timedelta(days=offset), context=context)
        assert alarms(report) == {}, report.reason
        assert len(report.features) > 20
    kept = context.blobs.get(f"drift/{SITE}/newest.json")
    assert DriftReport.model_validate_json(kept) == report


def test_before_the_first_release_nothing_is_judged(context):
    with transaction(context.dsn) as cursor:
        cursor.execute("DELETE FROM recsys.live_release")
    assert watch_drift.run(site=SITE, context=context).checks == ()


def test_a_site_of_the_past_is_left_alone_and_one_that_fell_silent_is_not(context):
    end = FIRST + timedelta(days=DAYS)
    assert watch_drift.run(site=SITE, day=end + timedelta(days=40), context=context).checks == ()
    silent = watch_drift.run(site=SITE, day=end + timedelta(days=3), context=context)
    assert "the newest event's age in hours" in alarms(silent)


def test_a_day_on_which_habits_changed_is_named_with_its_features(context, monkeypatch):
    last = FIRST + timedelta(days=DAYS - 1)
    scan = type(context.datasets).read

    def strange(store, table, manifests):
        """As read, but on the last day only ten items are looked at, and everything is bought."""
        rows = scan(store, table, manifests)
        if table != INTERACTED:
            return rows
        today = pl.col(c.TIMESTAMP).dt.date() == last
        few = "i00001" + (pl.col(c.ITEM_ID).str.tail(1))
        return rows.with_columns(
            pl.when(today).then(few).otherwise(pl.col(c.ITEM_ID)).alias(c.ITEM_ID),
            pl.when(today).then(pl.lit("purchase")).otherwise(pl.col(c.EVENT_TYPE)).alias(c.EVENT_TYPE),
        )

    monkeypatch.setattr(type(context.datasets), "read", strange)
    report = watch_drift.run(site=SITE, day=last, context=context)
    named = alarms(report)
    assert "events of another type than usual" in named
    assert "a feature's drift from the training window (PSI)" in named
    assert "item_" in named["a feature's drift from the training window (PSI)"]
    assert report.reason.startswith("Drift: ")
