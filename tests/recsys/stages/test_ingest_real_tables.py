"""Published files that come in as tables, row by row accounted for; where they lie on this machine."""

import os
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from pydantic import SecretStr

from recsys import columns as c
from recsys.datasets.tables import IMPRESSED, INTERACTED, UPDATED
from recsys.events.sources.registry import open_source
from recsys.events.sources.source import DayRange, Surroundings
from recsys.events.validation import Rules, check
from recsys.sites import add_site
from recsys.stages import ingest_events
from recsys.stages.context import StageContext, open_context
from recsys.testing.sources import read_days

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


def test_movielens(context):
    report = ingest(context, "movielens", "movielens_latest_small", date(2016, 1, 1), 290)
    config = context.site("movielens")
    source = open_source(config.source, Surroundings("movielens", config.quality, context.settings))
    everything = read_days(source, date(1995, 1, 9), date(2016, 10, 16))
    rules = Rules(event_types=("rating", "tag"), earliest=date(1995, 1, 1), latest=date(2101, 1, 1))
    found = check(everything, rules)
    assert (found.good.height, found.aside.height) == (100_004 + 1_296, 0)
    assert found.good[c.EVENT_ID].is_unique().all()
    assert everything.item_updates.height == everything.item_updates[c.ITEM_ID].n_unique() == 9_125
    assert source.days() == DayRange(date(1995, 1, 9), date(2016, 10, 16))

    of_the_year = found.good.filter(pl.col(c.TIMESTAMP).dt.year() == 2016)
    assert report.counts.model_dump(exclude={"erased"}) == {
        "rows_in": of_the_year.height,
        "kept": of_the_year.height,
        "duplicates": 0,
        "quarantined": {},
    }
    log = context.datasets.scan(INTERACTED, "movielens").collect()
    assert dict(log[c.EVENT_TYPE].value_counts().rows()) == {"rating": 6_225, "tag": 72}
    assert log.filter(pl.col(c.EVENT_TYPE) == "rating")[c.VALUE].is_between(0.5, 5.0).all()
    films = context.datasets.scan(UPDATED, "movielens").collect()
    assert films[c.ITEM_ID].is_unique().all()
    assert report.not_covered == 0
