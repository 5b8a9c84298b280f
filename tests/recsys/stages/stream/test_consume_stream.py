"""One run after the other, or side by side, on a real broker."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event

import pytest
from confluent_kafka import TopicPartition
from polars.testing import assert_frame_equal

from recsys import columns as c
from recsys.datasets.landing import Landing
from recsys.datasets.tables import IMPRESSED, INTERACTED, QUARANTINED, UPDATED
from recsys.errors import ConfigError, PartitionRefused, SourceError, StoreError
from recsys.stages import consume_stream
from recsys.stages.context import open_context
from tests.kafka.broker import ANSWERS_WITHIN
from tests.recsys.stages.stream.conftest import NO_POSTGRES, RECEIVED, counts, event, ids, kept, manifests


def landing(context, topic):
    return Landing(context.blobs, "shop", topic)


def test_what_the_topic_has_is_in_the_log_once(kafka, topic, make_site):
    good = [event(number, day=1 + number % 2) for number in range(300)]
    others = [
        '{"user_id":"u","items":["a","b"],"timestamp":"2026-08-02T10:00:00Z"}',
        '{"item_id":"a","price":2,"timestamp":"2026-08-02T10:00:00Z"}',
    ]
    bad = ["{", None, b"\xff\xfe", event(900, event_type="gaze"), event(901, user_id=""), event(902, timestamp="soon")]
    kafka.produce(topic, [*good, *good[:50], *bad, *others, "x" * 2000], timestamp=RECEIVED, partitions=3)
    context = make_site(max_message_bytes=1000)
    report = consume_stream.run(site="shop", context=context)
    assert (report.messages, report.waiting, report.lost) == (359, 0, {})
    assert [str(day) for day in report.days] == ["2026-08-01", "2026-08-02"]
    found = counts(context)
    assert (found.rows_in, found.kept, found.duplicates) == (358, 301, 50)  # an item update is no row
    assert found.quarantined == {
        **dict.fromkeys(["not_json", "tombstone", "not_utf8", "unknown_event_type", "bad_user_id", "bad_timestamp"], 1),
        "message_too_large": 1,
    }
    assert set(kept(context)[c.EVENT_ID]) == ids(range(300))
    store, log = context.datasets, manifests(context)
    assert store.read(IMPRESSED, log).collect()[c.ITEMS].to_list() == [["a", "b"]]
    assert store.read(UPDATED, log).collect()[c.PRICE].to_list() == [2.0]
    aside = store.read(QUARANTINED, log).collect()
    assert aside[c.RAW].str.contains(r'"offset":\d+').all()
    assert r"\\xff\\xfe" in "".join(aside[c.RAW])


def test_a_run_without_news_does_nothing_and_one_with_news_goes_on(kafka, topic, make_site):
    context = make_site()
    kafka.produce(topic, map(event, range(10)), partitions=3)
    assert consume_stream.waiting(site="shop", context=context).messages == 10
    first = consume_stream.run(site="shop", context=context)
    again = consume_stream.run(site="shop", context=context)
    assert (again.messages, again.files, again.days) == (0, 0, ())
    assert again.next_offsets == first.next_offsets
    kafka.produce(topic, [event(10), event(11, day=2)], partitions=3)
    news = consume_stream.run(site="shop", context=context)
    assert (news.messages, [day.day for day in news.days]) == (2, [1, 2])
    assert consume_stream.waiting(site="shop", context=context).messages == 0
    assert set(kept(context)[c.EVENT_ID]) == ids(range(12))


def test_messages_land_on_s3_too(kafka, topic, make_site, s3):
    context = make_site()
    on_s3 = open_context(s3.model_copy(update={"recsys_sites_dir": context.settings.sites_dir} | NO_POSTGRES))
    for start in (0, 50):
        kafka.produce(topic, [event(number, day=1 + number % 20) for number in range(start, start + 50)], partitions=3)
        assert consume_stream.run(site="shop", context=on_s3).messages == 50
    assert set(on_s3.datasets.scan(INTERACTED, "shop").collect()[c.EVENT_ID]) == ids(range(100))
    assert {file.days.exact for file in landing(on_s3, topic).files()} == {False}


def test_two_at_once_bring_every_message_once(kafka, topic, make_site):
    kafka.produce(topic, map(event, range(20_000)), partitions=3)
    context = make_site(land_messages=1000)
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(consume_stream.run, site="shop", context=context) for _ in range(2)]
        assert [run.result().waiting for run in runs] == [0, 0]
    assert counts(context).rows_in == counts(context).kept == 20_000


def test_messages_that_landed_before_a_kill_are_written_by_the_next_run(kafka, topic, make_site):
    """As if killed between landing and writing; and as if an older run had written last."""
    context = make_site()
    kafka.produce(topic, map(event, range(10)), partitions=3)
    consume_stream.run(site="shop", context=context)
    [before] = manifests(context)
    kafka.produce(topic, [event(number, day=1 + number % 2) for number in range(10, 20)], partitions=3)
    consume_stream.run(site="shop", context=context)
    key = next(key for key in context.blobs.list("events/shop/manifests/") if "2026-08-01" in key)
    context.blobs.put(key, before.model_dump_json().encode())
    assert kept(context).height < 20
    report = consume_stream.run(site="shop", context=context)
    assert (report.messages, [str(day) for day in report.days]) == (0, ["2026-08-01"])
    assert set(kept(context)[c.EVENT_ID]) == ids(range(20))


def test_replay_from_a_time_or_an_offset(kafka, topic, make_site):
    noon, evening = (int(datetime(2026, 8, 1, hour, tzinfo=UTC).timestamp() * 1000) for hour in (12, 18))
    kafka.produce(topic, map(event, range(300)), timestamp=noon, partitions=3)
    kafka.produce(topic, map(event, range(300, 600)), timestamp=evening, partitions=3)
    whole = make_site("whole")
    consume_stream.run(site="whole", context=whole)
    context = make_site()
    since = datetime(2026, 8, 1, 15, tzinfo=UTC)
    assert consume_stream.run(site="shop", context=context, from_time=since).messages == 300
    assert set(kept(context)[c.EVENT_ID]) == ids(range(300, 600))
    assert consume_stream.run(site="shop", context=context).messages == 0
    replay = consume_stream.run(site="shop", context=context, from_offset=50)
    assert (replay.messages, replay.waiting) == (450, 0)
    assert kept(context).height == 450
    consume_stream.run(site="shop", context=context, from_offset=0)
    assert_frame_equal(kept(context), kept(whole, "whole"))
    again = consume_stream.run(site="shop", context=context, from_offset=0)
    assert (again.messages, [str(day) for day in again.days]) == (0, ["2026-08-01"])
    assert_frame_equal(kept(context), kept(whole, "whole"))


def test_a_file_that_is_lost_is_brought_again(kafka, topic, make_site):
    kafka.produce(topic, map(event, range(300)))
    context = make_site(land_messages=100)
    for start in (0, 300):
        kafka.produce(topic, map(event, range(start, start + 300)))
        consume_stream.run(site="shop", context=context)
    lost = landing(context, topic).files()[0]
    context.blobs.delete(f"{landing(context, topic).folder}/{lost.name}")
    consume_stream.run(site="shop", context=context, from_offset=lost.first)
    assert set(kept(context)[c.EVENT_ID]) == ids(range(600))


def test_a_topic_that_does_not_exist_is_named_with_those_that_do(topic, make_site):
    context = make_site(topic="no-such-topic")
    with pytest.raises(SourceError, match=rf"found no topic 'no-such-topic' at .*{topic}.*source\.params\.topic"):
        consume_stream.run(site="shop", context=context)


def test_a_topic_that_was_made_anew_is_refused(kafka, topic, make_site):
    context = make_site()
    kafka.produce(topic, map(event, range(30)), partitions=3)
    consume_stream.run(site="shop", context=context)
    kafka.delete_topic(topic)
    kafka.create_topic(topic, partitions=3)
    with pytest.raises(SourceError, match="made anew"):
        consume_stream.run(site="shop", context=context)
    assert kept(context).height == 30


def test_messages_that_were_deleted_before_they_were_read_are_told(kafka, topic, make_site):
    context = make_site()
    kafka.produce(topic, map(event, range(10)))
    consume_stream.run(site="shop", context=context)
    kafka.produce(topic, map(event, range(10, 30)))
    admin = kafka.admin
    for deleted in admin.delete_records([TopicPartition(topic, 0, 25)]).values():
        deleted.result(timeout=ANSWERS_WITHIN)
    said = []
    report = consume_stream.run(site="shop", context=context, say=said.append)
    assert (report.lost, report.messages) == ({0: 15}, 5)
    assert any("15 messages were deleted" in sentence for sentence in said)


def test_it_waits_for_a_broker_that_goes_away_and_goes_on(kafka, topic, make_site):
    context = make_site(land_seconds=0.2, ingest_seconds=0.2)
    kafka.produce(topic, map(event, range(100)), partitions=3)
    said, stop = [], Event()
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(consume_stream.run, site="shop", until="forever", context=context, say=said.append, stop=stop)
        try:
            _until(lambda: len(manifests(context)) and kept(context).height == 100)
            kafka.stop()
            _until(lambda: any("no broker" in sentence for sentence in said))
            kafka.start()
            kafka.produce(topic, map(event, range(100, 200)), partitions=3)
            _until(lambda: kept(context).height == 200)
        finally:
            stop.set()
        assert run.result().waiting == 0
    assert any("answer again" in sentence for sentence in said)
    assert set(kept(context)[c.EVENT_ID]) == ids(range(200))


def test_a_broker_that_never_answers_ends_a_run_after_its_patience(make_site):
    said = []
    for patience in (2, 20):  # a machine that stands still has no time to ask again in two seconds
        context = make_site(bootstrap_servers="127.0.0.1:9", patience_seconds=patience)
        fault = rf"no broker at 127\.0\.0\.1:9 answered within {patience} seconds.*bootstrap_servers"
        with pytest.raises(StoreError, match=fault):
            consume_stream.run(site="shop", context=context, say=said.append)
        if any("asking again" in sentence for sentence in said):
            return
    pytest.fail("nobody was asked again")


def test_a_bad_day_is_refused_alone_and_comes_when_it_is_good_enough(kafka, topic, make_site):
    bad = [event(number, day=2, user_id="") for number in range(70)]
    good = [event(number, day=1 + number // 70) for number in range(100)]
    kafka.produce(topic, [*bad, *good], partitions=3)
    context = make_site(quality={"max_bad_share": 0.2})
    for _ in range(2):
        with pytest.raises(PartitionRefused, match=r"2026-08-02.*bad_user_id 70"):
            consume_stream.run(site="shop", context=context)
        assert [str(manifest.day) for manifest in manifests(context)] == ["2026-08-01"]
    assert consume_stream.waiting(site="shop", context=context).messages == 0
    make_site(quality={"max_bad_share": 0.8})
    consume_stream.run(site="shop", context=context)
    assert kept(context).height == 100


def test_a_site_without_a_topic_and_two_places_to_begin_are_refused(topic, make_site):
    context = make_site()
    with pytest.raises(ConfigError, match="expected one of them"):
        consume_stream.run(site="shop", context=context, from_offset=1, from_time=datetime(2026, 8, 1, tzinfo=UTC))
    path = context.settings.sites_dir / "other.yaml"
    path.write_text("site: other\nsource: {kind: simulator}\ninteractions: [{name: view}, {name: purchase}]\n")
    with pytest.raises(ConfigError, match="no topic to follow"):
        consume_stream.run(site="other", context=context)


def _until(holds, *, seconds=240.0):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)
