"""Two newspapers write into the same hourly files: each site's log has its own events, all of them, once."""

import gzip
import json
import random
from datetime import UTC, date, datetime, timedelta

import pytest
from pydantic import SecretStr

from recsys import columns as c
from recsys.datasets.tables import IMPRESSED, INTERACTED
from recsys.errors import PartitionRefused
from recsys.stages import ingest_events
from recsys.stages.context import StageContext, open_context

DAY = date(2026, 3, 2)
START = datetime(2026, 3, 2, tzinfo=UTC)
YAML = """
site: {site}
source:
  kind: snowplow
  params: {{path: "{folder}", app_id: {site}, item_pattern: "/([0-9]+)"}}
interactions: [{{name: view}}, {{name: dwell}}, {{name: click}}]
serving: {{exclude_bought: false}}
schedule: {{partition: hour, ingest_cron: "10 * * * *"}}
quality: {{expected_reasons: [no_item], max_bad_share: 0.1}}
"""


def event(site: str, name: str, moment: datetime, *, reader: int, **fields: object) -> str:
    said = {
        "app_id": site,
        "event_name": name,
        "event_id": f"{name}/{reader}/{moment:%dT%H%M%S}",
        "domain_userid": f"r{reader}",
        "collector_tstamp": f"{moment:%Y-%m-%dT%H:%M:%S.000Z}",
        "page_urlpath": f"/{reader % 7}",
        "contexts_com_snowplowanalytics_snowplow_web_page_1": [{"id": f"page-{reader}"}],
    }
    return json.dumps({**said, **fields})


def hour_of(site: str, hour: datetime) -> list[str]:
    """Per reader a view, three pings, a front page, a widget and a click in it: 2 + 1 + 1 rows are kept."""
    lines = []
    for reader in range(20):
        at = hour + timedelta(minutes=reader)
        lines += [event(site, "page_ping", at + timedelta(seconds=10 * beat), reader=reader) for beat in (1, 2, 3)]
        lines.append(event(site, "page_view", at, reader=reader))
        lines.append(event(site, "page_view", at + timedelta(seconds=40), reader=reader, page_urlpath="/"))
        seen = {"se_action": "widget_seen", "se_property": "1,2,3"}
        clicked = {"se_action": "widget_click", "se_label": "2"}
        lines.append(event(site, "event", at + timedelta(seconds=1), reader=reader, **seen))
        lines.append(event(site, "event", at + timedelta(seconds=2), reader=reader, **clicked))
    return lines


@pytest.fixture
def drop(tmp_path):
    def write(hour: datetime, lines: list[str], name: str = "part-0.gz"):
        file = tmp_path / "raw" / f"{hour:%Y/%m/%d/%H}" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0))
        return file

    return write


@pytest.fixture
def context(settings, tmp_path) -> StageContext:
    quiet = settings.model_copy(update={"recsys_postgres_password": SecretStr("")})
    quiet.sites_dir.mkdir(parents=True, exist_ok=True)
    for site in ("gazette", "herald"):
        (quiet.sites_dir / f"{site}.yaml").write_text(YAML.format(site=site, folder=tmp_path / "raw"))
    return open_context(quiet)


def ingest(context: StageContext, site: str = "gazette", **arguments: object):
    return ingest_events.run(site=site, first=DAY, context=context, **arguments)


def manifests(context: StageContext, site: str = "gazette"):
    return {each.partition.key: each for each in context.datasets.manifests(site)}


def test_each_tenant_gets_its_own_rows_all_of_them_once(context, drop):
    drop(START, hour_of("gazette", START) + hour_of("herald", START)[:70])
    report = ingest(context, hour=0)
    assert (report.counts.rows_in, report.counts.kept, report.counts.duplicates) == (140, 80, 40)
    assert report.counts.quarantined == {"no_item": 20}
    (manifest,) = manifests(context).values()
    events = context.datasets.read(INTERACTED, [manifest]).collect()
    assert events.filter(events[c.EVENT_TYPE] == "dwell")[c.VALUE].to_list() == [30.0] * 20
    assert context.datasets.read(IMPRESSED, [manifest]).collect()[c.ITEMS].to_list() == [["1", "2", "3"]] * 20
    other = ingest(context, "herald", hour=0)
    assert (other.counts.rows_in, other.counts.kept) == (70, 40)


def test_shuffled_split_and_repeated_files_give_the_same_partition(context, drop):
    lines = hour_of("gazette", START)
    drop(START, lines)
    ingest(context, hour=0)
    (before,) = manifests(context).values()
    random.Random(7).shuffle(lines)
    drop(START, lines[:33])
    drop(START, lines[33:] + lines[:50] + hour_of("herald", START), name="part-1.gz")
    again = ingest(context, hour=0)
    (after,) = manifests(context).values()
    assert after.content_hash == before.content_hash
    assert again.counts.rows_in == 190


def test_what_comes_late_rewrites_its_own_hour(context, drop):
    drop(START, hour_of("gazette", START))
    ingest(context, hour=0)
    late = event("gazette", "page_view", START + timedelta(minutes=59), reader=99)
    drop(START + timedelta(hours=1), [*hour_of("gazette", START + timedelta(hours=1)), late])
    report = ingest(context, hour=1)
    assert [each.partition for each in report.late] == ["2026-03-02T00"]
    kept = {key: manifest.counts.kept for key, manifest in manifests(context).items()}
    assert kept == {"2026-03-02T00": 81, "2026-03-02T01": 80}


def test_a_truncated_hour_blocks_itself_and_the_others_go_on(context, drop):
    drop(START + timedelta(days=1), hour_of("gazette", START + timedelta(days=1)))
    cut = drop(START, hour_of("gazette", START))
    cut.write_bytes(cut.read_bytes()[:-40])
    with pytest.raises(PartitionRefused, match=r"part-0\.gz: found broken data"):
        ingest(context, days=2)
    assert manifests(context)["2026-03-03T00"].counts.kept == 80
    assert f"{START:%Y-%m-%dT%H}" not in manifests(context)
