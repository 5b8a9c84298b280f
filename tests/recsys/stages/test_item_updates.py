"""What the web service was told of items joins the partition of its time, also when it was told late."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from recsys import columns as c
from recsys.datasets.tables import UPDATED
from recsys.events import ItemUpdate
from recsys.serving.item_updates import record_item_updates
from recsys.serving.migrate import migrate
from recsys.stages import ingest_events
from recsys.stages.context import open_context

SITE = "small_shop"
DAY = date(2026, 3, 2)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ONE_DAY = timedelta(days=1)
YAML = """
site: small_shop
source: {{kind: retailrocket, params: {{path: {folder}}}}}
interactions: [{{name: view}}, {{name: purchase}}]
schedule: {{partition: {partition}, ingest_cron: "{cron}"}}
"""


@pytest.fixture
def site(createdb, tmp_path):
    """A site with a view at noon on each of three days."""

    def opened(partition="day"):
        settings = createdb().model_copy(
            update={"recsys_data_url": str(tmp_path / "data"), "recsys_sites_dir": tmp_path / "sites"}
        )
        migrate(settings.postgres_dsn())
        settings.sites_dir.mkdir()
        cron = "10 * * * *" if partition == "hour" else "0 1 * * *"
        (settings.sites_dir / f"{SITE}.yaml").write_text(YAML.format(folder=tmp_path, partition=partition, cron=cron))
        rows = [f"{int((NOON + day * ONE_DAY).timestamp() * 1000)},1,view,i1," for day in (-1, 0, 1)]
        (tmp_path / "events.csv").write_text("\n".join(["timestamp,visitorid,event,itemid,transactionid", *rows]))
        return open_context(settings)

    return opened


def tell(context, event_id, at, **told):
    async def record():
        async with asyncpg.create_pool(context.dsn, min_size=1, max_size=1) as pool:
            update = ItemUpdate(event_id=event_id, item_id="i1", timestamp=at, **told)
            await record_item_updates(pool, SITE, [update])

    asyncio.run(record())


def ingest(context, day=DAY, **arguments):
    return ingest_events.run(site=SITE, first=day, context=context, **arguments)


def titles(context, day):
    found = context.datasets.scan(UPDATED, SITE, day, day + ONE_DAY).collect()
    return found[c.TITLE].to_list()


def test_updates_are_part_of_the_day_in_which_they_happened(site):
    context = site()
    for day in (-1, 0, 1):
        tell(context, f"u{day}", NOON + day * ONE_DAY, title=f"Day {day}")
    ingest(context)
    assert titles(context, DAY) == ["Day 0"]
    assert titles(context, DAY + ONE_DAY) == []


@pytest.mark.parametrize("partition", ["day", "hour"])
def test_an_update_that_was_told_late_brings_its_partition_back(site, partition):
    context = site(partition)
    ingest(context)
    tell(context, "u1", NOON, title="Late")
    tell(context, "u2", NOON, price=3.0)
    report = ingest(context, DAY + ONE_DAY)
    assert [each.partition for each in report.late] == ["2026-03-02" if partition == "day" else "2026-03-02T12"]
    assert sorted(titles(context, DAY), key=str) == ["Late", None]
    assert ingest(context, DAY + ONE_DAY).late == ()
    tell(context, "u3", NOON, price=4.0)
    assert len(ingest(context, DAY + ONE_DAY).late) == 1
    assert len(titles(context, DAY)) == 3


def test_an_update_of_a_time_without_a_partition_brings_none_back(site):
    context = site()
    tell(context, "u1", NOON - ONE_DAY, title="Too early")
    assert ingest(context).late == ()
    assert titles(context, DAY - ONE_DAY) == []
