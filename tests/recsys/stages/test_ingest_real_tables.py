"""Published files that come in as tables, row by row accounted for; where they lie on this machine."""

import os
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from pydantic import SecretStr

from recsys import columns as c
from recsys.datasets.tables import IMPRESSED, INTERACTED, UPDATED
from recsys.sites import add_site
from recsys.stages import ingest_events
from recsys.stages.context import StageContext, open_context

REAL_DATA = Path(os.environ.get("RECSYS_REAL_DATA") or Path(__file__).parents[4] / "shared" / "data")


@pytest.fixture
def context(settings) -> StageContext:
    return open_context(settings.model_copy(update={"recsys_postgres_password": SecretStr("")}))


def ingest(context: StageContext, site: str, folder: str, first: date, days: int) -> ingest_events.IngestReport:
    if not (REAL_DATA / folder).is_dir():
        pytest.skip(f"no {REAL_DATA / folder}; set RECSYS_REAL_DATA to the folder that holds {folder}/")
    add_site(context.settings.sites_dir, site, from_dir=REAL_DATA / folder)
    return ingest_events.run(site=site, first=first, days=days, context=context)


def test_trivago(context):
    report = ingest(context, "trivago", "trivago", date(2018, 11, 7), 2)
    counts = report.counts
    assert counts.model_dump(exclude={"erased"}) == {
        "rows_in": 100_003 + 13_597,
        "kept": 101_161,
        "duplicates": 48,
        "quarantined": {"unknown_event_type": 12_391},
    }
    log = context.datasets.scan(INTERACTED, "trivago").collect()
    shown = context.datasets.scan(IMPRESSED, "trivago").collect()
    assert log.height + shown.height == counts.kept
    clickouts = log.filter(pl.col(c.EVENT_TYPE) == "clickout")
    assert clickouts.height == 13_597
    assert clickouts.join(shown, on=c.REQUEST_ID, how="anti").is_empty()
    assert shown[c.ITEMS].list.len().max() == 25


def test_avazu(context):
    report = ingest(context, "avazu", "avazu_sample", date(2014, 10, 21), 1)
    clicks = context.datasets.scan(INTERACTED, "avazu").collect()
    shown = context.datasets.scan(IMPRESSED, "avazu").collect()
    assert shown.height == 8_087
    assert report.counts.model_dump(exclude={"erased"}) == {
        "rows_in": 8_087 + clicks.height,
        "kept": 8_087 + clicks.height,
        "duplicates": 0,
        "quarantined": {},
    }
    assert clicks.height == 1_397
    assert clicks.join(shown, on=[c.REQUEST_ID, c.USER_ID], how="anti").is_empty()
    assert (
        context.datasets.scan(UPDATED, "avazu").collect()[c.ITEM_ID].n_unique() == shown[c.ITEMS].explode().n_unique()
    )


@pytest.mark.timeout(1200)
def test_movielens(context):
    report = ingest(context, "movielens", "movielens_latest_small", date(1995, 1, 9), 7952)
    assert report.counts.model_dump(exclude={"erased"}) == {
        "rows_in": 100_004 + 1_296,
        "kept": 100_004 + 1_296,
        "duplicates": 0,
        "quarantined": {},
    }
    log = context.datasets.scan(INTERACTED, "movielens").collect()
    assert dict(log[c.EVENT_TYPE].value_counts().rows()) == {"rating": 100_004, "tag": 1_296}
    assert log.filter(pl.col(c.EVENT_TYPE) == "rating")[c.VALUE].is_between(0.5, 5.0).all()
    films = context.datasets.scan(UPDATED, "movielens").collect()
    assert films[c.ITEM_ID].n_unique() == films.height == 9_125
    assert report.not_covered == 0
