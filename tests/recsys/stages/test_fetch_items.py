"""Fetching as a stage: who is asked for, what is kept, and going on after a kill. Postgres and the API are real."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time

import polars as pl
import pytest
import yaml

from recsys import columns as c
from recsys.datasets.catalogue import items_as_of
from recsys.datasets.fetched import FetchedItems
from recsys.datasets.tables import INTERACTED, UPDATED
from recsys.errors import ConfigError, FetchError
from recsys.events.fetching.outcomes import FETCHED
from recsys.events.schema import filled
from recsys.serving.migrate import migrate
from recsys.stages import fetch_items, ingest_events
from recsys.stages.context import open_context
from tests.content_api import FIELDS, QUICK, article, running

SITE = "small_news"
HEADER = "timestamp,visitorid,event,itemid,transactionid"
ITEMS = [f"i{number:02}" for number in range(12)]
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def within_one_hour():
    """Days and hours of these tests are the clock's, so none of them begins just before the next one."""
    left = 3600 - time.time() % 3600
    if left < 60:
        time.sleep(left)


@pytest.fixture
def api():
    with running() as said:
        yield said


@pytest.fixture
def write(createdb, tmp_path):
    """Writes the site's YAML and its events; opens a context on its stores, the same ones at each call."""
    settings = createdb().model_copy(
        update={"recsys_data_url": str(tmp_path / "data"), "recsys_sites_dir": tmp_path / "sites"}
    )
    migrate(settings.postgres_dsn())
    settings.sites_dir.mkdir()

    def write(fetch, *, views=(), partition="day"):
        """``views``: days before today, and the items that were looked at then, most often the first one."""
        context = open_context(settings)
        midnight = datetime.combine(context.now().astimezone(UTC).date(), clock_time(), UTC)
        lines = [
            f"{int((midnight - ago * DAY).timestamp() * 1000) + visitor},{visitor},view,{item},"
            for ago, items in views
            for place, item in enumerate(items)
            for visitor in range(len(items) - place)
        ]
        if views:
            (tmp_path / "events.csv").write_text("\n".join([HEADER, *lines]) + "\n")
        site = {
            "site": SITE,
            "source": {"kind": "retailrocket", "params": {"path": str(tmp_path)}},
            "interactions": [{"name": name} for name in ("view", "cart", "purchase")],
            "schedule": {"partition": partition, "ingest_cron": "0 1 * * *" if partition == "day" else "5 * * * *"},
            "catalogue": {"fetch": fetch},
        }
        (settings.sites_dir / f"{SITE}.yaml").write_text(yaml.safe_dump(site))
        return context

    return write


@pytest.fixture
def of_api(api):
    return lambda **changed: {
        "kind": "content_api",
        "params": {"url": f"{api.url}/{{item_id}}", "fields": FIELDS, **QUICK, **changed},
    }


@pytest.fixture
def news(write, of_api):
    """A site with two days in its log: the items of the last one are ITEMS, the most frequent first."""

    def news(*, also=(), partition="day", **changed):
        views = [(2, ["old1", "old2"]), (1, ITEMS), *also]
        context = write(of_api(**changed), views=views, partition=partition)
        days = 2 + max(0, *(1 - ago for ago, _ in views))
        ingest_events.run(site=SITE, first=today(context) - 2 * DAY, days=days, context=context)
        return context

    return news


def today(context):
    return context.now().astimezone(UTC).date()


def run(context, **arguments):
    return fetch_items.run(site=SITE, context=context, **arguments)


def landed(context, *, hours_ago, **row):
    """As if a run so many hours ago had come to this."""
    rows = pl.DataFrame([{c.TIMESTAMP: context.now().astimezone(UTC) - timedelta(hours=hours_ago)} | row])
    FetchedItems(context.blobs, SITE).land(filled(rows, FETCHED))


def in_the_log(context):
    return context.datasets.scan(UPDATED, SITE).collect()


def test_the_items_of_the_newest_day_are_asked_for_the_most_frequent_first(news, api):
    report = run(news(concurrency=1))
    assert api.asked == ITEMS
    assert (report.seen, report.known, report.too_early, report.asked, report.fetched) == (12, 0, 0, 12, 12)
    assert (report.failed, report.left, report.stopped) == ({}, 0, None)


def test_days_may_be_named(news, api):
    context = news()
    report = run(context, first=today(context) - 2 * DAY)
    assert (report.seen, sorted(api.asked)) == (2, ["old1", "old2"])
    both = run(context, days=2)
    assert (both.seen, both.known, both.asked) == (14, 2, 12)
    assert run(context, first=today(context) - 90 * DAY, days=30).seen == 0


def test_each_day_is_reported_and_an_item_of_several_days_is_asked_for_once(news, api):
    context = news(also=[(3, ["old1", "i00", "bad"])])
    api.says_of("bad", 404)
    ingest_events.run(site=SITE, first=today(context) - 3 * DAY, context=context)
    report = run(context, first=today(context) - 9 * DAY, days=9)
    assert [(each.day, each.seen, each.known, each.too_early, each.asked, each.fetched) for each in report.by_day] == [
        (today(context) - 3 * DAY, 3, 0, 0, 3, 2),
        (today(context) - 2 * DAY, 2, 1, 0, 1, 1),
        (today(context) - DAY, 12, 1, 0, 11, 11),
    ]
    assert (report.seen, report.known, report.asked, report.failed) == (17, 2, 15, {"fetch_error": 1})
    assert max(Counter(api.asked).values()) == 1
    again = run(context, first=today(context) - 9 * DAY, days=9)
    assert (again.known, again.too_early, again.asked) == (16, 1, 0)


def test_nobody_is_asked_for_twice(news, api):
    context = news()
    run(context)
    again = run(context)
    assert (again.seen, again.known, again.asked) == (12, 12, 0)
    assert len(api.asked) == 12


def test_what_was_fetched_waits_for_the_ingestion_of_its_day_and_is_known_from_then_on(news):
    context = news()
    before = context.now()
    report = run(context)
    assert report.ingested == ()
    assert report.waiting == (today(context),)
    ingest_events.run(site=SITE, first=today(context), context=context)
    updates = in_the_log(context)
    assert updates[c.ITEM_ID].sort().to_list() == ITEMS
    assert items_as_of(updates, before).is_empty()
    titles = items_as_of(updates, context.now())[c.TITLE].to_list()
    assert titles == [f"Title of {item}" for item in ITEMS]
    again = run(context, first=today(context) - DAY)
    assert (again.known, again.waiting, again.ingested) == (12, (), ())


@pytest.mark.parametrize("partition", ["day", "hour"])
def test_a_partition_that_is_there_already_is_ingested_again(news, partition):
    context = news(also=[(0, ["i00", "new"])], partition=partition)
    if partition == "hour":
        now = context.now().astimezone(UTC)
        ingest_events.run(site=SITE, first=now.date(), hour=now.hour, context=context)
    days = [manifest.partition.key for manifest in context.datasets.manifests(SITE)]
    report = run(context)
    assert len(report.ingested) == 1
    assert report.ingested[0] in days
    assert report.waiting == ()
    assert in_the_log(context)[c.ITEM_ID].sort().to_list() == ["i00", "new"]
    assert [manifest.partition.key for manifest in context.datasets.manifests(SITE)] == days
    assert context.datasets.scan(INTERACTED, SITE, today(context)).collect().height > 0
    assert run(context).ingested == ()


def test_what_the_log_knows_is_not_asked_for(news, api):
    context = news(also=[(0, ITEMS)])
    landed(context, hours_ago=0, item_id="i03", title="Known")
    ingest_events.run(site=SITE, first=today(context), context=context)
    report = run(context)
    assert (report.known, report.asked) == (1, 11)
    assert "i03" not in api.asked


def test_metadata_that_are_old_are_asked_for_again_where_the_site_wants_it(news, api):
    context = news(refresh_days=2.0)
    landed(context, hours_ago=47, item_id="i01", title="Young")
    landed(context, hours_ago=49, item_id="i02", title="Old")
    assert (run(context).known, "i02" in api.asked, "i01" in api.asked) == (1, True, False)


@pytest.mark.parametrize(
    ("lasting", "hours_ago", "asked"), [(True, 23, False), (True, 25, True), (False, 1, False), (False, 3, True)]
)
def test_known_bad_items_are_left_alone_for_a_time(news, api, lasting, hours_ago, asked):
    context = news(bad_for_days=1.0, failed_for_hours=2.0)
    bad = {c.REASON: "malformed" if lasting else "fetch_error", c.LASTING: lasting}
    landed(context, hours_ago=30, item_id="i05", **bad)
    landed(context, hours_ago=hours_ago, item_id="i05", **bad)
    report = run(context)
    assert ("i05" in api.asked) == asked
    assert report.too_early == (not asked)
    assert report.seen == report.known + report.too_early + report.asked + report.left


def test_every_fault_is_counted_and_kept(news, api):
    api.says_of("i01", 404)
    api.says_of("i02", (200, {}, b"<html>"))
    api.says_of("i03", article(""))
    api.says_of("i04", article("i04", section={"name": "ads"}))
    api.says_of("i05", article("i05", date=None))
    api.says_of("i06", article("i00"))
    api.says_of("i07", 500)
    context = news(exclude=[{"property": "category", "one_of": ["ads"]}], require=["published_at"], attempts=2)
    report = run(context)
    assert report.failed == {
        "duplicate": 1,
        "excluded_by_rule": 1,
        "fetch_error": 2,
        "malformed": 1,
        "no_id": 1,
        "no_publish_date": 1,
    }
    assert (report.asked, report.fetched) == (12, 5)
    kept = FetchedItems(context.blobs, SITE).scan().collect()
    bad = kept.filter(pl.col(c.REASON).is_not_null()).sort(c.ITEM_ID)
    assert bad[c.REASON].to_list() == [
        *("fetch_error", "malformed", "no_id", "excluded_by_rule", "no_publish_date", "duplicate", "fetch_error")
    ]
    assert bad[c.LASTING].to_list() == [True] * 6 + [False]
    assert run(context).too_early == 7


def test_an_item_that_a_rule_leaves_out_is_not_available_until_it_no_longer_does(news, write, of_api, api):
    rule = {"property": "category", "one_of": ["ads"]}
    api.says_of("i04", article("i04", section={"name": "ads"}))
    context = news(exclude=[rule], bad_for_days=1e-9)
    run(context)
    now = context.now() + timedelta(seconds=60)

    def available():
        updates = context.item_updates(SITE, now - DAY, now + DAY)
        return dict(items_as_of(updates, now).select(c.ITEM_ID, c.AVAILABLE).iter_rows())

    assert available() == {item: item != "i04" for item in ITEMS}
    api.says_of("i04", article("i04"))
    assert run(context).fetched == 1
    assert available() == dict.fromkeys(ITEMS, True)


def test_an_api_that_is_away_is_an_error_and_what_came_before_is_kept(news, api):
    for item in ITEMS[4:]:
        api.says_of(item, 503)
    context = news(attempts=1, give_up_after=3, concurrency=1)
    with pytest.raises(FetchError, match=r"3 items in a row .* 7 items asked for, 4 were fetched .* 5 are left"):
        run(context)
    for item in ITEMS[4:]:
        api.says_of(item, article(item))
    assert (run(context).known, run(context).too_early, run(context).asked) == (4, 3, 0)
    assert len(api.asked) == 12


def test_an_api_that_wants_to_be_left_alone_ends_the_run_quietly(news, api):
    api.says_of("i02", (429, {"Retry-After": "7200"}), article("i02"))
    context = news(concurrency=1)
    report = run(context)
    assert (report.fetched, report.left, report.stopped) == (2, 10, "the API asks to be left alone for 7,200 seconds")
    assert run(context).fetched == 10


def test_progress_is_told(news, monkeypatch):
    monkeypatch.setattr(fetch_items, "LANDED_TOGETHER", 5)
    told = []
    run(news(), progress=lambda *done: told.append(done))
    assert told == [(5, 12), (10, 12), (12, 12)]


def test_a_site_without_a_content_api_no_days_and_an_empty_log(write, of_api):
    with pytest.raises(ConfigError, match=r"found no catalogue\.fetch"):
        run(write(None, views=[(1, ["a"])]))
    context = write(of_api())
    with pytest.raises(ConfigError, match="found 0 days"):
        run(context, days=0)
    report = run(context)
    assert (report.first, report.seen, report.asked) == (None, 0, 0)


@pytest.mark.parametrize("asked_before_the_kill", [90, 250, 430])
def test_killed_anywhere_the_next_run_goes_on(news, write, of_api, api, asked_before_the_kill):
    many = [f"n{number:03}" for number in range(500)]
    context = news(requests_per_second=400.0, concurrency=8)
    ago = [(1, many[start : start + 25]) for start in range(0, len(many), 25)]
    write(of_api(requests_per_second=400.0, concurrency=8), views=ago)
    ingest_events.run(site=SITE, first=today(context) - DAY, context=context)
    killed = subprocess.Popen(
        [sys.executable, "-c", f"from recsys.stages import fetch_items as f; f.run(site={SITE!r})"],
        env=os.environ | context.settings.environment(),
    )
    while len(api.asked) < asked_before_the_kill:
        assert killed.poll() is None
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    before = len(api.asked)
    report = run(context)
    kept = before - before % fetch_items.LANDED_TOGETHER
    assert report.seen == 500
    assert kept - fetch_items.LANDED_TOGETHER <= report.known <= kept
    assert report.known % fetch_items.LANDED_TOGETHER == 0
    assert report.asked == 500 - report.known
    asked = Counter(api.asked)
    assert set(asked) == set(many)
    assert sum(asked.values()) <= 500 + fetch_items.LANDED_TOGETHER + 8
    rows = FetchedItems(context.blobs, SITE).scan().collect()
    assert rows[c.ITEM_ID].sort().to_list() == many


def test_the_command_fetches_a_range_and_reports_each_day(news):
    context = news()
    start = today(context) - 2 * DAY
    words = ["backfill", "--what", "items", "--site", SITE, "--start-date", str(start), "--days", "2", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", "from recsys.cli import main; main()", *words],
        env=os.environ | context.settings.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    report = json.loads(done.stdout)
    assert (report["seen"], report["fetched"], report["failed"]) == (14, 14, {})
    assert [(each["day"], each["fetched"]) for each in report["by_day"]] == [(str(start), 2), (str(start + DAY), 12)]
