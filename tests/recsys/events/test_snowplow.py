"""Snowplow's enriched events: both forms tell the same, tenants stay apart, heart-beats become seconds."""

import gzip
import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import boto3
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys import columns as c
from recsys.errors import ConfigError, SourceError
from recsys.events.raw import RAW, whole
from recsys.events.sources.registry import open_source
from recsys.events.sources.snowplow import source as snowplow_source
from recsys.events.sources.snowplow.canonical import COLUMNS
from recsys.events.sources.snowplow.enriched import parsed
from recsys.events.sources.source import Surroundings
from recsys.events.validation import Rules, check
from recsys.sites.config import ComponentSpec, QualityPolicy

HOUR = datetime(2021, 5, 1, 13, tzinfo=UTC)
FLOW = {"schema": "iglu:com.acme/recommendationFlow/jsonschema/1-0-2", "data": {"step_name": "widget_seen"}}
WIDGET = {
    "field": "unstruct_event_com_acme_recommendation_flow_1.step_name",
    "items": "contexts_org_news_article_1.articleId",
    "clicked": "contexts_org_news_article_1.articleId",
}
RULES = Rules(("view", "dwell", "click"), date(2020, 1, 1), date(2022, 1, 1))


def event(name="page_view", at="13:00:01.250", **fields):
    """One event under its atomic names, entities as Snowplow's pipeline writes them."""
    page = {"schema": "iglu:com.snowplowanalytics.snowplow/web_page/jsonschema/1-0-0", "data": {"id": "pv-1"}}
    return {
        "app_id": "gazette",
        "event_name": name,
        "event": name,
        "event_id": f"{name}-{at}",
        "collector_tstamp": f"2021-05-01 {at}",
        "derived_tstamp": f"2021-05-01 {at}",
        "domain_userid": "reader-1",
        "domain_sessionid": "visit-1",
        "page_urlpath": "/2021/04/30/1234/a-story",
        "contexts": {
            "schema": "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0",
            "data": [page, *fields.pop("entities", [])],
        },
        **fields,
    }


def widget(step, articles, at, **fields):
    flow = {"schema": FLOW["schema"], "data": {"step_name": step}}
    envelope = {"schema": "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0", "data": flow}
    shown = [{"schema": "iglu:org.news/article/jsonschema/1-0-0", "data": {"articleId": each}} for each in articles]
    return event("recommendation_flow", at, unstruct_event=envelope, entities=shown, **fields)


def as_tsv(each):
    cells = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in each.items()}
    return "\t".join(str(cells.get(name) or "") for name in COLUMNS)


def as_json(each):
    """As Snowplow's analytics tools write it: entities under flat names, times in ISO form."""
    flat, fault = parsed(as_tsv(each).encode())
    assert fault is None
    times = {name: f"{flat[name].replace(' ', 'T')}Z" for name in flat if name.endswith("_tstamp")}
    return json.dumps({**dict.fromkeys(COLUMNS), **flat, **times})


def write(folder, lines, *, hour=HOUR, name="part-0.gz"):
    file = folder / f"{hour:%Y/%m/%d/%H}" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0))
    return file


def opened(folder, **params):
    params = {"path": str(folder), "item_pattern": "^/[0-9]{4}/[0-9]{2}/[0-9]{2}/([0-9]+)/", "widget": WIDGET, **params}
    return open_source(ComponentSpec(kind="snowplow", params=params))


def batches(folder, *, start=HOUR, end=HOUR + timedelta(hours=1), **params):
    return list(opened(folder, **params).read(start, end))


def read(folder, **span_and_params):
    return whole(batches(folder, **span_and_params))


def kept(folder, **span_and_params):
    """What is good, each event_id once; and the reasons of the others."""
    found = batches(folder, **span_and_params)
    checked = [check(batch, RULES) for batch in found]
    good, aside = (pl.concat(parts) for parts in zip(*((each.good, each.aside) for each in checked), strict=True))
    assert good.height + aside.height == sum(file.rows for batch in found for file in batch.files)
    return good.unique(c.EVENT_ID, maintain_order=True), Counter(aside[c.REASON].to_list())


DAY_OF_A_READER = [
    event(),
    event("page_ping", "13:00:11"),
    event("page_ping", "13:00:21"),
    event("page_ping", "13:00:31"),
    widget("widget_seen", ["77", "12", "5"], "13:00:02"),
    widget("widget_click", ["12"], "13:00:35"),
    event(at="13:01:00", page_urlpath="/section/food/"),
]


def test_there_are_131_columns_each_once():
    assert len(set(COLUMNS)) == len(COLUMNS) == 131
    assert (COLUMNS[0], COLUMNS[52], COLUMNS[58], COLUMNS[130]) == (
        "app_id",
        "contexts",
        "unstruct_event",
        "true_tstamp",
    )


@pytest.mark.parametrize("form", [as_tsv, as_json])
def test_what_a_reader_did_is_told_by_either_form(tmp_path, form):
    write(tmp_path, [form(each) for each in DAY_OF_A_READER])
    rows, aside = kept(tmp_path)
    assert aside == {"no_item": 1}
    view, dwell, seen, click = rows.sort(
        pl.col(c.EVENT_TYPE).replace_strict({"view": 0, "dwell": 1, "click": 3}, default=2)
    ).to_dicts()
    assert (view[c.USER_ID], view[c.ITEM_ID], view[c.SESSION_ID]) == ("reader-1", "1234", "visit-1")
    assert view[c.TIMESTAMP] == datetime(2021, 5, 1, 13, 0, 1, 250_000, UTC)
    assert (dwell[c.ITEM_ID], dwell[c.VALUE], dwell[c.TIMESTAMP]) == ("1234", 30.0, HOUR + timedelta(seconds=31))
    assert (seen[c.ITEMS], seen[c.REQUEST_ID], seen[c.ITEM_ID]) == (["77", "12", "5"], "pv-1", None)
    assert (click[c.ITEM_ID], click[c.REQUEST_ID], click[c.ITEMS]) == ("12", "pv-1", None)


def test_both_forms_give_the_same_rows(tmp_path):
    write(tmp_path / "tsv", map(as_tsv, DAY_OF_A_READER))
    write(tmp_path / "json", map(as_json, DAY_OF_A_READER))
    one, other = read(tmp_path / "tsv"), read(tmp_path / "json")
    assert_frame_equal(one.rows, other.rows)
    assert one.rows.schema == RAW


def test_every_ping_is_counted_and_all_but_one_are_duplicates(tmp_path):
    write(tmp_path, [as_json(event("page_ping", f"13:00:{second}")) for second in (11, 21, 31)])
    batch = read(tmp_path)
    rows, aside = kept(tmp_path)
    assert (batch.rows.height, rows.height, aside) == (3, 1, {})
    assert batch.rows.drop(c.SOURCE_LINE).unique().height == 1


def test_a_ping_that_was_delivered_twice_is_ten_seconds_not_twenty(tmp_path):
    write(tmp_path, [as_tsv(event("page_ping", "13:00:11"))] * 2, name="part-0.gz")
    write(tmp_path, [as_tsv(event("page_ping", "13:00:11")), as_tsv(event("page_ping", "13:00:21"))], name="part-1.gz")
    rows, _ = kept(tmp_path, heartbeat_seconds=5)
    assert rows[c.VALUE].to_list() == [10.0]


def test_pings_are_summed_over_the_files_of_an_hour_and_apart_for_each_page_user_and_hour(tmp_path):
    write(tmp_path, [as_tsv(event("page_ping", "13:00:11"))], name="a.gz")
    write(
        tmp_path,
        [as_tsv(event("page_ping", "13:59:50")), as_tsv(event("page_ping", "13:10:00", domain_userid="r2"))],
        name="b.gz",
    )
    write(tmp_path, [as_tsv(event("page_ping", "14:00:00"))], hour=HOUR + timedelta(hours=1))
    rows, _ = kept(tmp_path, end=HOUR + timedelta(hours=2))
    assert sorted(rows.select(c.USER_ID, c.VALUE).rows()) == [("r2", 10.0), ("reader-1", 10.0), ("reader-1", 20.0)]
    alone, _ = kept(tmp_path)
    in_the_hour = pl.col(c.TIMESTAMP) < HOUR + timedelta(hours=1)
    assert_frame_equal(alone.filter(in_the_hour), rows.filter(in_the_hour))


def test_an_hour_that_does_not_fit_into_memory_gives_the_same_rows(tmp_path, monkeypatch):
    write(tmp_path, map(as_json, DAY_OF_A_READER))
    at_once = read(tmp_path)
    monkeypatch.setattr(snowplow_source, "LINES_AT_ONCE", 2)
    in_pieces = list(opened(tmp_path).read(HOUR, HOUR + timedelta(hours=1)))
    assert max(batch.rows.height for batch in in_pieces) == 2
    assert_frame_equal(whole(in_pieces).rows, at_once.rows)
    assert whole(in_pieces).files == at_once.files


def test_rows_of_other_tenants_are_neither_told_nor_counted(tmp_path):
    lines = [event(), event(at="13:00:02", app_id="herald"), event("page_ping", "13:00:11", app_id="herald")]
    write(tmp_path, [as_tsv(each) for each in [*lines, event(at="13:00:03", app_id=None)]])
    rows, aside = kept(tmp_path, app_id="gazette")
    assert (rows.height, aside) == (1, {"missing_app_id": 1})
    other, aside = kept(tmp_path, app_id="herald")
    assert other[c.EVENT_TYPE].to_list() == ["view", "dwell"]
    everything, aside = kept(tmp_path)
    assert (everything.height, aside) == (4, {})


def test_a_time_after_it_was_collected_is_the_collectors(tmp_path):
    ahead = event(derived_tstamp="2021-05-01 13:20:00")
    behind = event(at="13:00:02", derived_tstamp="2021-05-01 12:59:58")
    without = event(at="13:00:03", derived_tstamp=None)
    write(tmp_path, map(as_tsv, [ahead, behind, without]))
    rows, aside = kept(tmp_path)
    assert [each.strftime("%H:%M:%S") for each in rows[c.TIMESTAMP]] == ["13:00:01", "12:59:58", "13:00:03"]
    assert aside == {}


def test_what_came_late_is_found_where_it_lies_and_what_came_too_late_is_set_aside(tmp_path):
    late = event(at="14:00:00", derived_tstamp="2021-04-30 15:00:00")
    too_late = event(at="14:00:01", derived_tstamp="2021-04-28 15:00:00")
    write(tmp_path, map(as_tsv, [late, too_late]), hour=HOUR + timedelta(hours=1))
    rows, aside = kept(
        tmp_path, start=datetime(2021, 4, 30, tzinfo=UTC), end=datetime(2021, 5, 1, tzinfo=UTC), late_days=1
    )
    assert rows[c.TIMESTAMP].to_list() == [datetime(2021, 4, 30, 15, tzinfo=UTC)]
    assert aside == {"timestamp_outside_day": 1}
    assert read(tmp_path, start=HOUR - timedelta(hours=3), end=HOUR, late_days=0).rows.is_empty()


def test_broken_lines_are_set_aside_by_what_is_wrong_with_them(tmp_path):
    lines = [
        as_json(event())[:-40],
        as_tsv(event(contexts="{not json")),
        as_tsv(event(contexts='{"data": [{"schema": "no address", "data": {}}]}')),
        as_tsv(event()) + "\tmore",
        "[1, 2]",
        '{"app_id": "gazette", "event_id": "\\ud800"}',
        '{"a":' * 100_000,
        "",
    ]
    file = write(tmp_path, lines)
    file.write_bytes(
        gzip.compress(
            gzip.decompress(file.read_bytes()) + as_tsv(event(page_title="Caf\xe9")).encode("latin-1") + b"\n"
        )
    )
    batch = read(tmp_path)
    rows, aside = kept(tmp_path)
    assert rows.is_empty()
    assert aside == {"broken_json": 4, "wrong_number_of_columns": 3, "not_utf8": 2}
    assert batch.rows[c.SOURCE_LINE].to_list() == list(range(1, 10))
    assert batch.originals["line"][4] == "[1, 2]"


def test_missing_fields_are_set_aside(tmp_path):
    lines = [
        event(event_id=None),
        event(domain_userid=None),
        event("page_ping", domain_userid=None),
        event(page_urlpath=None),
        event(collector_tstamp=None, derived_tstamp="yesterday"),
        widget("widget_seen", [], "13:00:02"),
        widget("widget_click", [], "13:00:03"),
        event("scrolled", "13:00:04"),
    ]
    write(tmp_path, [as_json(each) for each in lines])
    rows, aside = kept(tmp_path)
    assert rows.is_empty()
    assert aside == {
        "bad_event_id": 1,
        "bad_user_id": 2,
        "bad_item_id": 2,
        "bad_timestamp": 1,
        "bad_items": 1,
        "unknown_event_type": 1,
    }


def test_a_structured_event_names_its_items_in_one_column(tmp_path):
    seen = event("event", "13:00:01", se_action="widget_seen", se_property="7, 8,9")
    click = event("event", "13:00:02", se_action="widget_click", se_label="8")
    write(tmp_path, map(as_tsv, [seen, click]))
    rows, _ = kept(tmp_path, widget={})
    assert rows[c.ITEMS].to_list() == [["7", "8", "9"], None]
    assert rows[c.ITEM_ID].to_list() == [None, "8"]
    assert rows[c.REQUEST_ID].to_list() == ["pv-1", "pv-1"]


def test_the_item_may_stand_in_an_entity(tmp_path):
    shown = [{"schema": "iglu:org.news/article/jsonschema/1-0-0", "data": {"articleId": 99}}]
    write(tmp_path, map(as_tsv, [event(entities=shown), event(at="13:00:02")]))
    rows, aside = kept(
        tmp_path, item="contexts_org_news_article_1.articleId", item_pattern="(.+)", user="domain_userid"
    )
    assert rows[c.ITEM_ID].to_list() == ["99"]
    assert aside == {"no_item": 1}


def test_a_truncated_file_makes_its_day_unreadable_and_no_other(tmp_path):
    file = write(tmp_path, map(as_tsv, DAY_OF_A_READER * 50))
    file.write_bytes(file.read_bytes()[:-30])
    write(
        tmp_path,
        [as_tsv(event(at="13:00:00", derived_tstamp=None, collector_tstamp="2021-05-02 13:00:00"))],
        hour=HOUR + timedelta(days=1),
    )
    batch = read(tmp_path, end=HOUR + timedelta(days=2))
    assert "2021/05/01" in batch.unreadable
    assert "part-0.gz" in batch.unreadable
    assert [file.day for file in batch.files] == [date(2021, 5, 2)]


def test_folders_tell_the_days_and_strangers_are_refused(tmp_path):
    with pytest.raises(SourceError, match="found no file"):
        opened(tmp_path).days()
    write(tmp_path, [as_tsv(event())])
    write(tmp_path, [], name="_SUCCESS")
    write(tmp_path, [], hour=HOUR + timedelta(days=3))
    assert (opened(tmp_path).days().first, opened(tmp_path).days().last) == (date(2021, 5, 1), date(2021, 5, 4))
    (tmp_path / "2021/05/01/13").rename(tmp_path / "2021/05/01/25")
    with pytest.raises(SourceError, match="found the folder 2021/05/01/25, expected an hour"):
        opened(tmp_path).days()


def test_a_pattern_needs_a_group(tmp_path):
    with pytest.raises(ConfigError, match=r"item_pattern.*expected a group"):
        opened(tmp_path, item_pattern="/[0-9]+/")


def test_a_line_without_the_form_that_the_site_expects_is_set_aside(tmp_path):
    write(tmp_path, [as_tsv(event()), as_tsv(event(at="13:00:02", app_id="staging"))])
    params = {"path": str(tmp_path)}
    surroundings = Surroundings(quality=QualityPolicy(line_pattern="^(gazette|herald)\t"))
    (batch, _) = open_source(ComponentSpec(kind="snowplow", params=params), surroundings).read(
        HOUR, HOUR + timedelta(hours=1)
    )
    assert batch.rows[c.REASON].to_list() == [None, "line_pattern"]


@pytest.mark.platform
def test_a_bucket_holds_the_folders_as_well_as_a_disk(tmp_path, s3):
    here = write(tmp_path / "enriched [2]" / "good", map(as_json, DAY_OF_A_READER))
    client = boto3.client(
        "s3",
        endpoint_url=s3.s3_endpoint_url,
        aws_access_key_id=s3.aws_access_key_id,
        aws_secret_access_key=s3.aws_secret_access_key.get_secret_value(),
        region_name=s3.aws_default_region,
    )
    client.create_bucket(Bucket="snowplow")
    client.upload_file(str(here), "snowplow", f"enriched [2]/good/{HOUR:%Y/%m/%d/%H}/part-0.gz")
    params = {"path": "s3://snowplow/enriched [2]/good/", "widget": WIDGET}
    there = open_source(ComponentSpec(kind="snowplow", params=params), Surroundings(settings=s3))
    local = opened(tmp_path / "enriched [2]" / "good", item_pattern="(.+)")
    assert (there.days(), there.days().first) == (local.days(), HOUR.date())
    span = (HOUR, HOUR + timedelta(hours=1))
    one, other = whole(there.read(*span)), whole(local.read(*span))
    assert_frame_equal(one.rows.drop(c.SOURCE_FILE), other.rows.drop(c.SOURCE_FILE))
    assert [file.sha256 for file in one.files] == [file.sha256 for file in other.files]
