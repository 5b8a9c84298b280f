"""Hours, late events, resumed backfills, and two runs at once: what a partition promises."""

import gzip
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from pydantic import SecretStr

from recsys import columns as c
from recsys.datasets.tables import INTERACTED
from recsys.errors import ConfigError, PartitionRefused, StoreError
from recsys.stages import ingest_events
from recsys.stages.context import StageContext, open_context

DAY = date(2026, 3, 2)
SITE = "news"
YAML = """
site: news
source:
  kind: ndjson
  params:
    path: "{folder}/{{day}}/{{hour}}/*.gz"
    late_days: 1
    columns: {{event_id: id, user_id: user, item_id: page, event_type: {{constant: view}}, timestamp: at}}
interactions: [{{name: view}}]
serving: {{exclude_bought: false, purchase_event: view}}
schedule: {{partition: {partition}, ingest_cron: "{cron}"}}
"""


def at(hour: int, minute: int = 0, *, day: date = DAY) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


@pytest.fixture
def drop(tmp_path):
    """Puts events into the folder of one hour, under a name of their own."""

    def write(folder: datetime, *moments: datetime, name: str = "part-0") -> None:
        rows = [
            {"id": f"{moment:%dT%H%M}", "user": "u1", "page": f"p{moment.minute}", "at": moment.isoformat()}
            for moment in moments
        ]
        file = tmp_path / "raw" / f"{folder:%Y-%m-%d}" / f"{folder:%H}" / f"{name}.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode() + b"\n", mtime=0))

    return write


@pytest.fixture
def site(settings, tmp_path):
    def opened(partition: str = "day") -> StageContext:
        quiet = settings.model_copy(update={"recsys_postgres_password": SecretStr("")})
        quiet.sites_dir.mkdir(parents=True, exist_ok=True)
        cron = "10 * * * *" if partition == "hour" else "0 1 * * *"
        text = YAML.format(folder=tmp_path / "raw", partition=partition, cron=cron)
        (quiet.sites_dir / "news.yaml").write_text(text)
        return open_context(quiet)

    return opened


def ids(context: StageContext, key: str) -> list[str]:
    (manifest,) = [each for each in context.datasets.manifests(SITE) if each.partition.key == key]
    return context.datasets.read(INTERACTED, [manifest]).collect()[c.EVENT_ID].to_list()


def hashes(context: StageContext) -> dict[str, str]:
    return {manifest.partition.key: manifest.content_hash for manifest in context.datasets.manifests(SITE)}


def ingest(context: StageContext, day: date = DAY, **arguments: object):
    return ingest_events.run(site=SITE, first=day, context=context, **arguments)


def test_an_hour_is_a_partition_where_the_site_says_so(site, drop):
    context = site("hour")
    drop(at(5), at(5, 1), at(5, 2))
    drop(at(6), at(6, 1))
    report = ingest(context, hour=5)
    assert [each.partition for each in report.committed] == ["2026-03-02T05"]
    whole_day = ingest(context)
    assert [each.counts.kept for each in whole_day.committed if each.counts.kept] == [2, 1]
    assert len(whole_day.committed) == 24
    assert ids(context, "2026-03-02T06") == ["02T0601"]
    once = hashes(context)
    ingest(context, hour=6)
    assert hashes(context) == once


def test_days_and_hours_of_one_day_do_not_mix(site, drop):
    drop(at(5), at(5, 1))
    ingest(site("day"))
    with pytest.raises(PartitionRefused, match="found 2026-03-02 committed already, expected days or hours"):
        ingest(site("hour"), hour=5)
    with pytest.raises(ConfigError, match=r"found the hour 5 .*schedule\.partition: hour"):
        ingest(site("day"), hour=5)


def test_a_late_event_goes_to_its_own_day_which_is_written_again(site, drop):
    context = site()
    yesterday = DAY - timedelta(days=1)
    drop(at(22, day=yesterday), at(22, 1, day=yesterday))
    ingest(context, yesterday)
    assert ids(context, str(yesterday)) == ["01T2201"]
    drop(at(0), at(0, 5), at(23, 59, day=yesterday))
    report = ingest(context)
    assert [each.partition for each in report.late] == [str(yesterday)]
    assert ids(context, str(yesterday)) == ["01T2201", "01T2359"]
    assert ids(context, str(DAY)) == ["02T0005"]
    both = hashes(context)
    assert ingest(context).late[0].counts.kept == 2
    ingest(context, yesterday, days=2)
    assert hashes(context) == both


def test_an_event_that_is_too_late_is_set_aside_where_it_was_filed(site, drop):
    context = site()
    drop(at(0), at(0, 5), at(0, 6), at(0, 7), at(0, 8), at(0, 9), at(3, day=DAY - timedelta(days=2)))
    assert ingest(context).counts.quarantined == {"timestamp_outside_day": 1}


def test_a_resumed_backfill_leaves_alone_what_is_committed(site, drop):
    context = site()
    for offset in range(3):
        drop(at(5, day=DAY + timedelta(days=offset)), at(5, 1, day=DAY + timedelta(days=offset)))
    ingest(context, DAY + timedelta(days=1))
    drop(at(6, day=DAY + timedelta(days=1)), at(6, 6, day=DAY + timedelta(days=1)))
    told = []
    report = ingest(context, days=3, resume=True, progress=lambda done, of: told.append((done, of)))
    assert (report.resumed, len(report.committed), report.not_covered) == (1, 2, 0)
    assert told == [(2, 3), (3, 3)]
    assert ids(context, str(DAY + timedelta(days=1))) == ["03T0501"]
    assert ingest(context, days=3).counts.kept == 4


def test_a_partition_that_cannot_be_written_is_tried_again_then_named_and_the_others_go_on(site, drop):
    context = site()
    for offset in range(3):
        drop(at(5, day=DAY + timedelta(days=offset)), at(5, 1, day=DAY + timedelta(days=offset)))
    manifests = context.settings.recsys_home / "data" / "events" / SITE / "manifests"
    (manifests / "2026-03-03.json").mkdir(parents=True)
    with pytest.raises(StoreError, match=r"1 could not be written, 2 committed(.|\n)*2026-03-03: "):
        ingest(context, days=3)
    (manifests / "2026-03-03.json").rmdir()
    assert ingest(context, days=3, resume=True).resumed == 2


def test_two_runs_of_one_partition_at_once_leave_the_partition_of_one(site, drop):
    context = site()
    drop(at(5), *(at(hour, minute) for hour in range(5, 6) for minute in range(60)))
    ingest(context)
    expected = hashes(context)
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: ingest(context), range(8)))
    assert hashes(context) == expected
    assert {report.counts.kept for report in reports} == {60}
    assert ids(context, str(DAY)) == [f"02T05{minute:02}" for minute in range(60)]


def test_two_processes_of_one_partition_at_once_leave_the_partition_of_one(site, drop):
    context = site()
    drop(at(5), *(at(5, minute) for minute in range(60)))
    ingest(context)
    expected = hashes(context)
    program = (
        "import sys; from datetime import date; from recsys.layout import Settings\n"
        "from recsys.stages import ingest_events; from recsys.stages.context import open_context\n"
        "settings = Settings(\n"
        "    _env_file=None, recsys_home=sys.argv[1], recsys_data_url='', recsys_postgres_password='')\n"
        "context = open_context(settings)\n"
        "for _ in range(5): ingest_events.run(site='news', first=date(2026, 3, 2), context=context)\n"
    )
    command = [sys.executable, "-c", program, str(context.settings.recsys_home)]
    running = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(400) for process in running] == [0, 0]
    assert hashes(context) == expected
    assert len(ids(context, str(DAY))) == 60
