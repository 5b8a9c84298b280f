from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys import columns as c
from recsys.datasets.manifest import Partition
from recsys.datasets.store import DatasetStore, data_hash
from recsys.datasets.tables import INTERACTED, QUARANTINED, TABLES, UPDATED
from recsys.errors import SchemaError
from recsys.events.counts import RowCounts
from recsys.events.schema import INTERACTIONS, QUARANTINE

DAY = date(2026, 1, 31)
COUNTS = RowCounts(rows_in=4, kept=3, quarantined={"bad_user_id": 1}, duplicates=0)


def events(day: date = DAY, *, users: str = "abc") -> pl.DataFrame:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    rows = [
        (f"{day}-{user}", user, "i1", "view", noon + timedelta(minutes=n), None, None, None)
        for n, user in enumerate(users)
    ]
    return pl.DataFrame(rows, schema=INTERACTIONS, orient="row")


BAD = pl.DataFrame([("x.csv", 7, "bad_user_id", "{}")], schema=QUARANTINE, orient="row")


def commit(store: DatasetStore, day: date = DAY, *, site: str = "shop", users: str = "abc"):
    frames = {INTERACTED: events(day, users=users), QUARANTINED: BAD}
    return store.commit(Partition(site=site, day=day), frames, counts=COUNTS)


def test_what_was_committed_is_read_back(store):
    commit(store)
    assert_frame_equal(store.scan(INTERACTED, "shop").collect(), events())
    assert_frame_equal(store.scan(QUARANTINED, "shop").collect(), BAD)
    assert_frame_equal(store.scan(UPDATED, "shop").collect(), pl.DataFrame(schema=TABLES[UPDATED].schema))


def test_the_manifest_says_what_is_there(store):
    manifest = commit(store)
    assert store.manifests("shop") == [manifest]
    data = manifest.tables[INTERACTED]
    assert (data.rows, data.first_time, data.last_time) == (
        3,
        datetime(2026, 1, 31, 12, 0, tzinfo=UTC),
        datetime(2026, 1, 31, 12, 2, tzinfo=UTC),
    )
    assert manifest.counts == COUNTS
    assert data.content_hash in data.key
    assert store.blobs.exists(data.key)


def test_the_same_rows_in_any_order_give_the_same_bytes(store):
    first = commit(store)
    frames = {INTERACTED: pl.concat([events()[2:], events()[:2]]), QUARANTINED: BAD}
    again = store.commit(Partition(site="shop", day=DAY), frames, counts=COUNTS)
    assert again == first
    assert len(store.blobs.list("events/shop/data/")) == len(TABLES)


def test_a_commit_replaces_the_partition(store):
    first = commit(store)
    second = commit(store, users="xyz")
    assert store.manifests("shop") == [second]
    assert store.scan(INTERACTED, "shop").collect()[c.USER_ID].to_list() == ["x", "y", "z"]
    assert data_hash([first]) != data_hash([second])


def test_days_come_in_order_between_the_bounds_given(store):
    days = [DAY + timedelta(days=offset) for offset in (3, 0, 1)]
    for day in days:
        commit(store, day)
    commit(store, DAY, site="shop_b")
    assert [m.day for m in store.manifests("shop")] == sorted(days)
    assert [m.day for m in store.manifests("shop", DAY + timedelta(days=1))] == sorted(days)[1:]
    assert [m.day for m in store.manifests("shop", before=DAY + timedelta(days=1))] == [DAY]
    read = store.scan(INTERACTED, "shop", DAY, DAY + timedelta(days=3)).collect()
    assert_frame_equal(read, pl.concat([events(DAY), events(DAY + timedelta(days=1))]))


def test_an_unknown_site_is_an_empty_log(store):
    assert store.manifests("nobody") == []
    assert store.undated("nobody") is None
    assert store.scan(INTERACTED, "nobody").collect().schema == INTERACTIONS


def test_rows_without_a_day_are_kept_apart(store):
    commit(store)
    counts = RowCounts(rows_in=1, kept=0, quarantined={"bad_user_id": 1}, duplicates=0)
    manifest = store.commit_undated("shop", BAD, counts=counts)
    assert store.undated("shop") == manifest
    assert [m.day for m in store.manifests("shop")] == [DAY]
    assert_frame_equal(store.read(QUARANTINED, [manifest]).collect(), BAD)


def test_a_frame_of_another_schema_is_refused_and_nothing_is_written(store):
    with pytest.raises(SchemaError, match=c.TIMESTAMP):
        store.commit(Partition(site="shop", day=DAY), {INTERACTED: events().drop(c.TIMESTAMP)}, counts=COUNTS)
    assert store.blobs.list("") == []


def test_a_writer_that_died_before_the_switch_changed_nothing(store, monkeypatch):
    old = commit(store)

    def die(manifest, day):
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "_switch", die)
    with pytest.raises(KeyboardInterrupt):
        commit(store, users="new")
    monkeypatch.undo()
    assert store.manifests("shop") == [old]
    assert_frame_equal(store.scan(INTERACTED, "shop").collect(), events())


def test_a_reader_of_an_older_manifest_can_go_on_until_the_objects_are_removed(store):
    old = commit(store)
    new = commit(store, users="xyz")
    assert_frame_equal(store.read(INTERACTED, [old]).collect(), events())
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    assert store.remove_unnamed("shop", older_than=long_ago) == 0
    assert store.remove_unnamed("shop", older_than=datetime.now(UTC) + timedelta(minutes=1)) == 1
    assert store.remove_unnamed("shop", older_than=datetime.now(UTC) + timedelta(minutes=1)) == 0
    assert store.read(INTERACTED, [new]).collect().height == 3
    assert not store.blobs.exists(old.tables[INTERACTED].key)


def test_the_data_hash_is_of_content_and_days_not_of_order_or_quarantine(store):
    one, two = commit(store), commit(store, DAY + timedelta(days=1))
    assert data_hash([one, two]) == data_hash([two, one])
    assert data_hash([one]) != data_hash([two])
    assert data_hash([one]) == one.content_hash
    clean = store.commit(Partition(site="shop", day=DAY), {INTERACTED: events()}, counts=COUNTS)
    assert data_hash([clean]) == data_hash([one])


def test_rows_that_do_not_add_up_are_refused():
    with pytest.raises(ValueError, match="found 5 rows in, expected 3 kept"):
        RowCounts(rows_in=5, kept=3, quarantined={"bad_user_id": 1}, duplicates=0)
