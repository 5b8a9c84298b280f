"""A user who asked to be forgotten is nowhere in the log afterwards, and everybody else is where they were."""

import asyncio
import json
from datetime import UTC, date, datetime, timedelta

import asyncpg
import polars as pl
import pytest

from recsys import columns as c
from recsys.datasets.erasures import Erasures
from recsys.datasets.landing import Landing
from recsys.datasets.tables import INTERACTED, QUARANTINED
from recsys.events.stream.landed import MESSAGES, Days, Landed
from recsys.events.stream.params import KafkaParams
from recsys.serving import feedback
from recsys.serving.migrate import migrate
from recsys.sites import add_site
from recsys.stages import erase_users, ingest_events
from recsys.stages.context import open_context

pytestmark = pytest.mark.platform
SITE = "online_retail"
FIRST = date(2010, 12, 1)
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
ASKED = datetime(2010, 12, 2, 12, tzinfo=UTC)


def sale(day: date, customer: str, *, code: str = "85123A", invoice: str = "536365") -> str:
    return f"{invoice},{code},HEART HOLDER,6,{day} 08:26:00,2.55,{customer},United Kingdom\n"


@pytest.fixture
def context(createdb, tmp_path):
    """Three days: on each, user 77 and another buy; on the first, a row of 77 is set aside."""
    (tmp_path / "raw").mkdir()
    for offset in range(3):
        day = FIRST + timedelta(days=offset)
        rows = [sale(day, "77.0"), sale(day, "177.0", invoice="536366")]
        aside = [sale(day, "77.0", code="POST")] if offset == 0 else []
        (tmp_path / "raw" / f"{day}.csv").write_text(HEADER + "".join([*rows, *aside]))
    settings = createdb().model_copy(update={"recsys_home": tmp_path, "recsys_sites_dir": None})
    migrate(settings.postgres_dsn())
    add_site(settings.sites_dir, SITE, from_dir=tmp_path / "raw")
    return open_context(settings)


def ingest(context):
    return ingest_events.run(site=SITE, first=FIRST, days=3, context=context)


def ask(context, user: str, at: datetime = ASKED, *, site: str = SITE) -> None:
    async def forget() -> None:
        async with asyncpg.create_pool(context.dsn) as pool:
            await feedback.erase_user(pool, site, user, at)

    asyncio.run(forget())


def users(context) -> list[tuple[str, int]]:
    rows = context.datasets.scan(INTERACTED, SITE).collect()
    return sorted((user, when.day) for user, when in rows.select(c.USER_ID, c.TIMESTAMP).rows())


def hashes(context) -> list[str]:
    return [manifest.content_hash for manifest in context.datasets.manifests(SITE)]


def test_partitions_are_written_again_without_the_user_and_with_everybody_else(context):
    ingest(context)
    before = hashes(context)
    ask(context, "77")
    report = erase_users.run(site=SITE, context=context)
    assert (report.users, report.partitions, report.rows) == (1, ("2010-12-01", "2010-12-02"), 2)
    assert users(context) == [("177", 1), ("177", 2), ("177", 3), ("77", 3)]
    assert [old == new for old, new in zip(before, hashes(context), strict=True)] == [False, False, True]
    counts = context.datasets.manifests(SITE)[0].counts
    assert (counts.rows_in, counts.kept, counts.erased, counts.bad) == (3, 1, 1, 1)
    aside = context.datasets.scan(QUARANTINED, SITE).collect()
    assert aside.select(c.SOURCE_LINE, c.REASON, c.RAW).rows() == [(4, "non_product_code", '{"erased":true}')]
    assert not any(b"77.0" in context.blobs.get(key) for key in context.blobs.list(f"events/{SITE}/reports/"))


def test_a_second_run_has_nothing_to_do_and_ingesting_again_gives_the_same_bytes(context):
    ingest(context)
    ask(context, "77")
    erase_users.run(site=SITE, context=context)
    without = hashes(context)
    assert erase_users.run(site=SITE, context=context).users == 0
    report = ingest(context)
    assert hashes(context) == without
    assert (report.counts.erased, report.counts.rows_in) == (2, 7)


def test_the_log_of_erasures_proves_what_was_done_without_a_name(context):
    ingest(context)
    ask(context, "77")
    ask(context, "nobody")
    erase_users.run(site=SITE, context=context)
    noted = Erasures(context.blobs, SITE).all()
    (of_77,) = [erasure for erasure in noted if erasure.is_of("77")]
    assert (of_77.rows, of_77.partitions, of_77.erased_at) == (2, ("2010-12-01", "2010-12-02"), ASKED)
    assert [erasure.rows for erasure in noted if erasure.is_of("nobody")] == [0]
    assert not any(erasure.is_of("177") for erasure in noted)
    assert all(b'"77"' not in context.blobs.get(key) for key in context.blobs.list(f"events/{SITE}/erasures/"))


def test_a_later_request_is_met_again(context):
    ingest(context)
    ask(context, "77")
    erase_users.run(site=SITE, context=context)
    ask(context, "77", ASKED + timedelta(days=2))
    assert erase_users.run(site=SITE, context=context).partitions == ("2010-12-03",)
    assert users(context) == [("177", 1), ("177", 2), ("177", 3)]


def test_the_objects_of_before_go_with_the_next_clean_up(context):
    ingest(context)
    ask(context, "77")
    erase_users.run(site=SITE, context=context)
    context.datasets.remove_unnamed(SITE, older_than=datetime.now(UTC) + timedelta(days=1))
    left = context.blobs.list(f"events/{SITE}/data/{INTERACTED}/")
    frames = [pl.read_parquet(context.blobs.location(key)) for key in left]
    assert sorted(when.day for when in pl.concat(frames).filter(pl.col(c.USER_ID) == "77")[c.TIMESTAMP]) == [3]


STREAM = """
site: stream
source: {kind: kafka, params: {bootstrap_servers: "127.0.0.1:9", topic: clicks}}
interactions: [{name: view}]
serving: {exclude_bought: false, purchase_event: view}
"""


def test_landed_messages_of_the_user_go_too_and_the_offsets_stay(context):
    (context.settings.sites_dir / "stream.yaml").write_text(STREAM)
    config = context.site("stream")
    params = KafkaParams.model_validate(config.source.params)
    told = [
        {"event_id": str(n), "user_id": user, "item_id": "7", "event_type": "view", "timestamp": "2010-12-01T08:00:00Z"}
        for n, user in enumerate(["77", "177", "77"])
    ]
    texts = [*map(json.dumps, told), '{"user_id": "77", "broken']
    messages = pl.DataFrame(
        {c.OFFSET: range(10, 14), c.TIMESTAMP: [ASKED] * 4, c.MESSAGE: texts, c.REASON: [None] * 4}, schema=MESSAGES
    )
    landing = Landing(context.blobs, "stream", "clicks")
    file = Landed(0, 10, 13, Days((FIRST,)), params.told_by(config.quality))
    landing.land(file, messages)
    ingest_events.run(site="stream", first=FIRST, context=context)
    ask(context, "77", site="stream")
    assert erase_users.run(site="stream", context=context).rows == 2
    (left,) = landing.files()
    assert (left.first, left.last) == (10, 13)
    assert landing.messages(left)[c.MESSAGE].to_list() == [texts[1]]
    assert ingest_events.run(site="stream", first=FIRST, context=context).counts.kept == 1
