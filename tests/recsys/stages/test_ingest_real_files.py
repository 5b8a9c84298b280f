"""The whole published files, row by row accounted for; where they lie on this machine."""

import os
from datetime import date, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from recsys import columns as c
from recsys.datasets.store import data_hash
from recsys.datasets.tables import INTERACTED
from recsys.sites import add_site
from recsys.stages import ingest_events
from recsys.stages.context import StageContext, open_context

REAL_DATA = Path(os.environ.get("RECSYS_REAL_DATA") or Path(__file__).parents[4] / "shared" / "data")


@pytest.fixture
def context(settings) -> StageContext:
    return open_context(settings.model_copy(update={"recsys_postgres_password": SecretStr("")}))


@pytest.fixture
def on_s3(s3, tmp_path) -> StageContext:
    own = {"recsys_home": tmp_path / "s3", "recsys_postgres_password": SecretStr("")}
    return open_context(s3.model_copy(update=own))


def ingest_all(context: StageContext, site: str, first: date, last: date) -> ingest_events.IngestReport:
    if not (REAL_DATA / site).is_dir():
        pytest.skip(f"no {REAL_DATA / site}; set RECSYS_REAL_DATA to the folder that holds {site}/")
    add_site(context.settings.sites_dir, site, from_dir=REAL_DATA / site)
    return ingest_events.run(site=site, first=first, days=(last - first).days + 1, context=context)


def one_day_again(context: StageContext, site: str, day: date) -> None:
    before = data_hash(context.datasets.manifests(site))
    ingest_events.run(site=site, first=day, context=context)
    assert data_hash(context.datasets.manifests(site)) == before


def test_online_retail(context):
    report = ingest_all(context, "online_retail", date(2010, 12, 1), date(2011, 12, 9))
    assert report.counts.model_dump() == {
        "rows_in": 541_909,
        "kept": 391_148,
        "duplicates": 5_189,
        "erased": 0,
        "quarantined": {
            "cancellation": 9_288,
            "missing_customer": 131_388,
            "non_positive_price": 1_161,
            "non_positive_quantity": 1_324,
            "non_product_code": 2_411,
        },
    }
    assert sum(day.counts.rows_in > 0 for day in report.committed) == 305
    log = context.datasets.scan(INTERACTED, "online_retail").collect()
    assert log.height == log[c.EVENT_ID].n_unique() == 391_148
    assert "12347" in log[c.USER_ID]
    one_day_again(context, "online_retail", date(2011, 6, 30))


@pytest.mark.platform
@pytest.mark.parametrize(
    ("site", "first", "last"),
    [
        ("online_retail", date(2010, 12, 1), date(2010, 12, 31)),
        ("retailrocket", date(2015, 5, 3), date(2015, 6, 2)),
    ],
)
def test_a_month_on_s3_is_what_it_is_on_disk(context, on_s3, site, first, last):
    reports = [ingest_all(each, site, first, last) for each in (context, on_s3)]
    assert reports[0].counts == reports[1].counts
    assert reports[0].counts.kept > 10_000
    assert data_hash(on_s3.datasets.manifests(site)) == data_hash(context.datasets.manifests(site))
    logs = [each.datasets.scan(INTERACTED, site).collect() for each in (context, on_s3)]
    assert logs[0].equals(logs[1])
    one_day_again(on_s3, site, first)


def test_retailrocket(context):
    report = ingest_all(context, "retailrocket", date(2015, 5, 3), date(2015, 9, 18))
    assert report.counts.model_dump() == {
        "rows_in": 97_381,
        "kept": 97_381,
        "duplicates": 0,
        "erased": 0,
        "quarantined": {},
    }
    log = context.datasets.scan(INTERACTED, "retailrocket").collect()
    assert dict(log[c.EVENT_TYPE].value_counts().rows()) == {"view": 75_374, "cart": 12_456, "purchase": 9_551}
    one_day_again(context, "retailrocket", date(2015, 7, 1))


def test_retailrocket_in_its_raw_form(settings):
    folder = REAL_DATA / "retailrocket"
    if not (folder / "raw_sample_events.csv").is_file():
        pytest.skip(f"no {folder}/raw_sample_events.csv; set RECSYS_REAL_DATA to the folder that holds retailrocket/")
    add_site(settings.sites_dir, "retailrocket", from_dir=folder)
    file = settings.sites_dir / "retailrocket.yaml"
    file.write_text(file.read_text().replace("  params:\n", "  params:\n    events: raw_sample_events.csv\n"))
    context = open_context(settings.model_copy(update={"recsys_postgres_password": SecretStr("")}))
    first, last = date(2015, 5, 3), date(2015, 9, 18)
    report = ingest_events.run(
        site="retailrocket", first=first, days=(last - first + timedelta(days=1)).days, context=context
    )
    assert report.counts.model_dump() == {
        "rows_in": 9_385,
        "kept": 9_382,
        "duplicates": 3,
        "erased": 0,
        "quarantined": {},
    }
