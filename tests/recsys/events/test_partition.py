"""Whatever order rows come in, and however often: the partition is the same."""

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from recsys import columns as c
from recsys.events.partition import settled, without
from recsys.events.raw import RAW, RawBatch
from recsys.events.schema import ITEM_UPDATES, QUARANTINE, filled
from recsys.events.shelf import ASIDE, GOOD, UPDATES, Shelf
from recsys.events.validation import Rules, check

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
RULES = Rules(event_types=("view", "purchase"), earliest=NOON.date(), latest=NOON.date() + timedelta(days=2))


def event(number: int, **changes: object) -> dict[str, object]:
    base = {c.EVENT_ID: f"e{number}", c.USER_ID: "u1", c.ITEM_ID: "i1", c.EVENT_TYPE: "view", c.TIMESTAMP: NOON}
    return base | {c.SOURCE_FILE: "x", c.SOURCE_LINE: number} | changes


def batch(rows: list[dict[str, object]]) -> RawBatch:
    frame = pl.DataFrame([{name: row.get(name) for name in RAW} for row in rows], schema=RAW)
    return RawBatch(frame, frame.select(c.EVENT_ID, c.USER_ID))


def shelved(*batches: RawBatch, in_memory: int = 2**20, same_content: bool = False):
    with Shelf(in_memory=in_memory) as shelf:
        for each in batches:
            found = check(each, RULES)
            shelf.put(GOOD, found.good)
            shelf.put(ASIDE, found.aside)
        return {slot: shelf.take(slot, same_content=same_content) for slot in shelf.slots}


good_rows = st.lists(
    st.builds(
        lambda number, user, minutes: event(
            number, **{c.USER_ID: user, c.TIMESTAMP: NOON + timedelta(minutes=minutes)}
        ),
        st.integers(0, 30),
        st.sampled_from(["u1", "u2"]),
        st.integers(0, 1500),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda row: row[c.EVENT_ID],
)
broken = st.sampled_from([{c.USER_ID: None}, {c.EVENT_TYPE: "gaze"}, {c.TIMESTAMP: None}, {c.ITEM_ID: "a\x00"}])


@given(good_rows, st.data())
def test_a_mixture_of_valid_broken_repeated_and_shuffled_rows_gives_the_partition_of_the_clean_ones(rows, data):
    bad = [event(100 + n) | fault for n, fault in enumerate(data.draw(st.lists(broken, max_size=5)))]
    repeated = data.draw(st.lists(st.sampled_from(rows), max_size=5))
    mixture = data.draw(st.permutations([*rows, *bad, *repeated]))
    cut = data.draw(st.integers(0, len(mixture)))
    clean, mixed = shelved(batch(rows)), shelved(batch(mixture[:cut]), batch(mixture[cut:]), in_memory=0)
    order = [c.TIMESTAMP, c.EVENT_ID]
    for slot, expected in clean.items():
        assert_frame_equal(mixed[slot].kept.sort(order), expected.kept.sort(order))
    counts = [part.counts for part in mixed.values()]
    assert sum(each.rows_in for each in counts) == len(mixture)
    assert sum(each.kept for each in counts) == len(rows)
    assert sum(each.bad for each in counts) == len(bad)
    assert sum(each.duplicates for each in counts) == len(repeated)


@given(st.permutations([("late", 9, "a"), ("early", 0, "a"), ("early", 0, "b"), ("other", 3, "a")]))
def test_of_rows_with_one_event_id_the_earliest_stays_whatever_the_order(told):
    rows = [
        event(1, **{c.ITEM_ID: item, c.USER_ID: user, c.TIMESTAMP: NOON + timedelta(minutes=minutes)})
        for item, minutes, user in told
    ]
    (found,) = shelved(batch(rows)).values()
    assert found.kept.select(c.ITEM_ID, c.USER_ID).rows() == [("early", "a")]
    assert found.duplicates == 3


def test_rows_of_one_content_are_one_where_the_site_says_so():
    rows = [event(1), event(2), event(3, **{c.ITEM_ID: "i2"})]
    (apart,) = shelved(batch(rows)).values()
    (together,) = shelved(batch(rows), same_content=True).values()
    assert (apart.counts.kept, apart.duplicates) == (3, 0)
    assert (together.counts.kept, together.duplicates) == (2, 1)


def test_impressions_are_kept_apart_and_counted():
    shown = {c.ITEMS: ["a", "b"], c.ITEM_ID: None, c.EVENT_TYPE: None}
    (found,) = shelved(batch([event(1), event(1, **shown), event(2, **shown), event(2, **shown)])).values()
    assert found.kept.height == 1
    assert found.impressions[c.ITEMS].to_list() == [["a", "b"]] * 2
    assert found.counts.kept == 3
    assert found.duplicates == 1


def test_what_a_user_did_before_asking_to_be_forgotten_is_left_out_and_counted():
    rows = [
        event(1, **{c.USER_ID: "anna"}),
        event(2),
        event(3, **{c.USER_ID: "anna", c.TIMESTAMP: NOON.replace(hour=20)}),
    ]
    (found,) = shelved(batch(rows)).values()
    left = without(found, {"anna": NOON.replace(hour=18)})
    assert sorted(left.kept[c.EVENT_ID]) == ["e2", "e3"]
    assert (left.erased, left.counts.rows_in) == (1, 3)
    assert without(left, {"anna": NOON.replace(hour=18)}).counts == left.counts


def test_quarantined_rows_that_name_an_erased_user_keep_their_place_alone():
    lines = ['{"user":"7"}', '{"user":"17"}', '{"line":"x,7,y"}', '{"user":"7.0"}']
    aside = pl.DataFrame([("f", n, "bad", raw) for n, raw in enumerate(lines)], schema=QUARANTINE, orient="row")
    found = settled(pl.DataFrame(schema=RAW), aside, pl.DataFrame(schema=ITEM_UPDATES))
    left = without(found, {"7": NOON}).quarantine
    assert left[c.RAW].to_list() == ['{"erased":true}', lines[1], '{"erased":true}', '{"erased":true}']
    assert left[c.SOURCE_LINE].to_list() == [0, 1, 2, 3]


def test_item_updates_that_are_told_twice_count_once():
    told = pl.DataFrame({c.ITEM_ID: ["i1", "i1"], c.TIMESTAMP: [NOON, NOON], c.TITLE: ["x", "x"]})
    with Shelf() as shelf:
        slot = pl.lit(NOON).cast(ITEM_UPDATES[c.TIMESTAMP]).alias(c.PARTITION)
        shelf.put(UPDATES, filled(told, ITEM_UPDATES).with_columns(slot))
        assert shelf.take(NOON).item_updates.height == 1
