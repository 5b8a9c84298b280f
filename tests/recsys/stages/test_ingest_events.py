import asyncio
import random
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from recsys import columns as c
from recsys.datasets.store import data_hash
from recsys.datasets.tables import INTERACTED, QUARANTINED, UPDATED
from recsys.errors import ConfigError, PartitionRefused, SourceError, UnknownSiteError
from recsys.events import Interaction
from recsys.layout import Settings
from recsys.serving import feedback
from recsys.serving.migrate import migrate
from recsys.sites import add_site
from recsys.stages import ingest_events
from recsys.stages.context import StageContext, open_context

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
BROWSED = "timestamp,visitor,event,item"
FIRST = date(2010, 12, 1)


def sale(day: date, *, customer: str = "17850.0", code: str = "85123A") -> str:
    return f"536365,{code},HEART HOLDER,6,{day} 08:26:00,2.55,{customer},United Kingdom\n"


@pytest.fixture
def folder(tmp_path) -> Path:
    """Three days of files with a day without trade between; one row is bad, one stands twice."""
    (tmp_path / "raw").mkdir()
    for offset in (0, 1, 3):
        day = FIRST + timedelta(days=offset)
        rows = [sale(day, code=f"{10000 + n}") for n in range(20)]
        (tmp_path / "raw" / f"{day}.csv").write_text(HEADER + "".join([*rows, rows[0], sale(day, customer="")]))
    return tmp_path / "raw"


@pytest.fixture
def context(settings, folder) -> StageContext:
    """On local disk, without Postgres."""
    return with_site(settings.model_copy(update={"recsys_postgres_password": SecretStr("")}), folder)


def with_site(settings: Settings, folder: Path) -> StageContext:
    add_site(settings.sites_dir, "online_retail", from_dir=folder)
    return open_context(settings)


def ingest(context: StageContext, first: date = FIRST, days: int = 4):
    return ingest_events.run(site="online_retail", first=first, days=days, context=context)


def hashes(context: StageContext) -> dict[date, str]:
    return {manifest.day: manifest.content_hash for manifest in context.datasets.manifests("online_retail")}


def test_every_row_is_accounted_for(context):
    report = ingest(context)
    assert report.counts.model_dump() == {
        "rows_in": 66,
        "kept": 60,
        "quarantined": {"missing_customer": 3},
        "duplicates": 3,
        "erased": 0,
    }
    assert [day.counts.rows_in for day in report.committed] == [22, 22, 0, 22]
    scan = context.datasets.scan
    assert scan(INTERACTED, "online_retail").collect().height == 60
    assert scan(UPDATED, "online_retail").collect()[c.ITEM_ID].n_unique() == 21
    assert scan(QUARANTINED, "online_retail").collect().select(c.SOURCE_FILE, c.SOURCE_LINE).rows() == [
        (f"{FIRST + timedelta(days=offset)}.csv", 23) for offset in (0, 1, 3)
    ]


def test_a_report_is_json(context):
    report = ingest(context)
    assert ingest_events.IngestReport.model_validate_json(report.model_dump_json()) == report


def test_a_day_alone_or_again_or_in_any_order_gives_the_same_hashes(context):
    ingest(context)
    whole = hashes(context)
    assert len(whole) == 4
    for day in reversed(list(whole)):
        ingest(context, day, days=1)
    assert hashes(context) == whole


def test_long_ranges_are_read_in_parts(context, monkeypatch):
    whole = ingest(context)
    monkeypatch.setattr(ingest_events, "DAYS_AT_ONCE", 3)
    told = []
    again = ingest_events.run(
        site="online_retail", first=FIRST, days=4, context=context, progress=lambda done, of: told.append((done, of))
    )
    assert again == whole
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_day_changed_at_its_source_is_replaced(context, folder):
    ingest(context)
    before = hashes(context)
    (folder / f"{FIRST}.csv").write_text(HEADER + sale(FIRST))
    ingest(context)
    after = hashes(context)
    assert {day for day in after if after[day] != before[day]} == {FIRST}
    assert context.datasets.manifests("online_retail")[0].counts.rows_in == 1


def test_days_beyond_the_source_are_not_committed(context):
    report = ingest(context, date(2026, 1, 1), days=3)
    assert report.not_covered == 3
    assert report.committed == ()
    assert hashes(context) == {}


def test_bad_days_are_refused_and_named_and_the_others_are_committed(context, folder):
    second = FIRST + timedelta(days=1)
    ingest(context)
    before = hashes(context)
    (folder / f"{FIRST}.csv").write_text(HEADER + sale(FIRST) + sale(FIRST, customer="") * 19)
    (folder / f"{second}.csv").write_text("something;else\n")
    last = FIRST + timedelta(days=3)
    (folder / f"{last}.csv").write_text(HEADER + sale(last))
    with pytest.raises(PartitionRefused) as refused:
        ingest(context)
    message = str(refused.value)
    assert "2 partitions refused, 2 committed" in message
    assert f"{FIRST}: found 19 of 20 rows bad (95.0%), expected at most 90.0%: missing_customer 19" in message
    assert message.count("[missing_customer]") == 3
    assert f"{second}: " in message
    assert "found the header 'something;else'" in message
    after = hashes(context)
    assert {day for day in after if after[day] != before[day]} == {last}


def test_an_empty_day_is_refused_where_the_site_expects_rows(context):
    file = context.settings.sites_dir / "online_retail.yaml"
    file.write_text(file.read_text().replace("quality:\n", "quality:\n  allow_empty_days: false\n"))
    with pytest.raises(PartitionRefused, match=r"2010-12-03: found no rows, expected some"):
        ingest(context)
    assert len(hashes(context)) == 3


def test_rows_without_a_day_are_committed_apart_and_once(settings, tmp_path):
    rows = [f"{1433224214 + 86_400 * (n % 50)},1,view,{n}" for n in range(100)]
    (tmp_path / "events.csv").write_text("\n".join([BROWSED, *rows, "soon,1,view,2", "1,2"]))
    quiet = settings.model_copy(update={"recsys_postgres_password": SecretStr("")})
    add_site(quiet.sites_dir, "retailrocket", from_dir=tmp_path)
    context = open_context(quiet)
    first = date(2015, 6, 2)
    report = ingest_events.run(site="retailrocket", first=first, days=50, context=context)
    assert report.counts.rows_in == 102
    assert report.counts.quarantined == {"bad_timestamp": 1, "wrong_number_of_columns": 1}
    assert report.committed[-1].day is None
    assert context.datasets.undated("retailrocket").counts.bad == 2
    (tmp_path / "events.csv").write_text("\n".join([BROWSED, *rows]) + "\n")
    ingest_events.run(site="retailrocket", first=first, days=1, context=context)
    assert context.datasets.undated("retailrocket").counts.bad == 0


def test_what_is_missing_is_named(context, settings, folder, tmp_path):
    with pytest.raises(UnknownSiteError, match="unknown site 'nowhere'; known here: online_retail"):
        ingest_events.run(site="nowhere", first=FIRST, context=context)
    for first, days in ((None, 1), ("2010-12-01", 1), (datetime(2010, 12, 1, tzinfo=UTC), 1), (FIRST, 0)):
        with pytest.raises(ConfigError, match="expected a UTC day"):
            ingest_events.run(site="online_retail", first=first, days=days, context=context)
    folder.rename(tmp_path / "moved")
    with pytest.raises(SourceError, match="found no folder"):
        ingest(context)


@pytest.mark.platform
def test_feedback_is_part_of_its_day_and_counts_once(createdb, folder):
    settings = createdb().model_copy(update={"recsys_home": folder.parent, "recsys_sites_dir": None})
    migrate(settings.postgres_dsn())
    context = with_site(settings, folder)
    ingest(context)
    known = context.datasets.scan(INTERACTED, "online_retail").collect().row(0, named=True)
    day_later = date(2010, 12, 5)
    anna = {"user_id": "anna", "item_id": "10001", "event_type": "purchase"}
    new = [
        Interaction(event_id=f"web-{day}", timestamp=datetime(2010, 12, day, 9, tzinfo=UTC), **anna) for day in (1, 5)
    ]
    asyncio.run(record(settings, [Interaction(**known), *new]))
    report = ingest(context, days=6)
    assert (report.counts.kept, report.counts.duplicates, report.not_covered) == (62, 4, 1)
    assert report.committed[-1].day == day_later


async def record(settings: Settings, events: list[Interaction]) -> None:
    async with asyncpg.create_pool(settings.postgres_dsn()) as pool:
        await feedback.record_events(pool, "online_retail", events)


DIES_AT_A_WRITE = """
import os, signal, sys, threading
from datetime import date
from pathlib import Path
import dataframely, jinja2  # imported at first use; once for all children is enough
from recsys.layout import Settings
from recsys.stages import ingest_events
from recsys.stages.context import open_context

home = Path(sys.argv[1])
replace, lock, done = os.replace, threading.Lock(), 0
for writes in map(int, sys.argv[2:]):
    child = os.fork()  # one that dies; nothing runs in this process but the waiting
    if not child:
        break
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, status
else:
    sys.exit(0)

def count_and_die(source, target):
    global done
    with lock:
        done += 1
        if done == writes:
            os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)

os.replace = count_and_die
context = open_context(Settings(_env_file=None, recsys_home=home, recsys_data_url="", recsys_postgres_password=""))
ingest_events.run(site="online_retail", first=date(2010, 12, 1), days=4, context=context)
"""


def test_a_run_killed_at_ten_random_writes_and_done_again_gives_the_same_hashes(context, folder, tmp_path):
    ingest(context)
    whole = hashes(context)
    cut_settings = context.settings.model_copy(update={"recsys_home": tmp_path / "cut"})
    cut = with_site(cut_settings, folder)
    moments = random.Random(11).sample(range(1, 25), 10)
    for killed_at in (sorted(moments[:5]), moments[5:]):
        command = [sys.executable, "-c", DIES_AT_A_WRITE, str(cut_settings.recsys_home), *map(str, killed_at)]
        assert subprocess.run(command, check=False).returncode == 0
        manifests = cut.datasets.manifests("online_retail")
        assert hashes(cut).items() <= whole.items()
        rows = sum(manifest.tables[INTERACTED].rows for manifest in manifests)
        assert cut.datasets.read(INTERACTED, manifests).collect().height == rows
    assert list((tmp_path / "cut").rglob(".part-*")) != []
    ingest(cut)
    assert hashes(cut) == whole
    assert data_hash(cut.datasets.manifests("online_retail")) == data_hash(context.datasets.manifests("online_retail"))
