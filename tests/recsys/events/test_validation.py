import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from recsys import columns as c
from recsys.events.model import Interaction
from recsys.events.raw import RAW, Filing, RawBatch, from_interactions
from recsys.events.schema import INTERACTIONS
from recsys.events.validation import Rules, check

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
DAY = NOON.date()
GOOD = {
    c.EVENT_ID: "e1",
    c.USER_ID: "u1",
    c.ITEM_ID: "i1",
    c.EVENT_TYPE: "view",
    c.TIMESTAMP: NOON,
    c.VALUE: 2.5,
    c.SESSION_ID: None,
    c.REQUEST_ID: None,
}


RULES = Rules(event_types=("view", "purchase"), earliest=date(2025, 1, 1), latest=date(2027, 1, 1))
FILED = Filing.on(DAY)


def raw(*rows: dict, filing: Filing | None = None) -> RawBatch:
    placed = [GOOD | {c.SOURCE_FILE: "x.csv", c.SOURCE_LINE: n} | row for n, row in enumerate(rows, 2)]
    frame = pl.DataFrame([{name: row.get(name) for name in RAW} for row in placed], schema=RAW)
    return RawBatch(frame, frame.select(pl.lit("{}").alias(c.RAW)) if rows else pl.DataFrame(), filing=filing)


def slots(rows: pl.DataFrame) -> list[date | None]:
    return [slot and slot.date() for slot in rows[c.PARTITION]]


@pytest.mark.parametrize(
    ("fault", "reason", "day"),
    [
        ({c.REASON: "cancellation", c.USER_ID: None}, "cancellation", DAY),
        ({c.TIMESTAMP: None}, "bad_timestamp", None),
        ({c.TIMESTAMP: datetime(1970, 1, 1, tzinfo=UTC)}, "absurd_timestamp", None),
        ({c.TIMESTAMP: datetime(2027, 1, 1, tzinfo=UTC)}, "absurd_timestamp", None),
        ({c.EVENT_ID: None}, "bad_event_id", DAY),
        ({c.USER_ID: ""}, "bad_user_id", DAY),
        ({c.USER_ID: "u" * 257}, "bad_user_id", DAY),
        ({c.ITEM_ID: "a\x00b"}, "bad_item_id", DAY),
        ({c.ITEM_ID: "a\x7fb"}, "bad_item_id", DAY),
        ({c.SESSION_ID: "two\nlines"}, "bad_session_id", DAY),
        ({c.REQUEST_ID: ""}, "bad_request_id", DAY),
        ({c.EVENT_TYPE: "gaze"}, "unknown_event_type", DAY),
        ({c.EVENT_TYPE: None}, "unknown_event_type", DAY),
        ({c.VALUE: float("nan")}, "bad_value", DAY),
        ({c.VALUE: float("-inf")}, "bad_value", DAY),
    ],
)
def test_a_bad_row_is_set_aside_with_its_place_and_one_reason(fault, reason, day):
    found = check(raw(GOOD, fault), RULES)
    assert found.aside.drop(c.PARTITION).rows() == [("x.csv", 3, reason, "{}")]
    assert slots(found.aside) == [day]
    assert slots(found.good) == [DAY]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({c.TIMESTAMP: None}, "bad_timestamp"),
        ({c.TIMESTAMP: NOON + timedelta(hours=12)}, "timestamp_outside_day"),
        ({c.TIMESTAMP: NOON - timedelta(days=9)}, "timestamp_outside_day"),
        ({c.USER_ID: None, c.TIMESTAMP: datetime(1970, 1, 1, tzinfo=UTC)}, "timestamp_outside_day"),
    ],
)
def test_a_bad_row_that_was_filed_belongs_where_it_was_filed(fault, reason):
    found = check(raw(GOOD, fault, filing=FILED), RULES)
    assert found.aside[c.REASON].to_list() == [reason]
    assert slots(found.aside) == [DAY]


def test_a_late_row_belongs_to_its_own_day_and_a_too_late_one_is_set_aside():
    rows = [{c.TIMESTAMP: NOON - timedelta(days=days)} for days in (0, 1, 2, 3)]
    found = check(raw(*rows, filing=Filing.on(DAY, late_days=2)), RULES)
    assert slots(found.good) == [DAY, DAY - timedelta(days=1), DAY - timedelta(days=2)]
    assert found.aside[c.REASON].to_list() == ["timestamp_outside_day"]


def test_partitions_may_be_hours():
    hourly = replace(RULES, hourly=True)
    hour = Filing(NOON, NOON + timedelta(hours=1))
    found = check(raw({c.TIMESTAMP: NOON + timedelta(minutes=59)}, {c.TIMESTAMP: None}, filing=hour), hourly)
    assert found.good[c.PARTITION].to_list() == found.aside[c.PARTITION].to_list() == [NOON]


def test_edges_that_are_good():
    batch = raw(
        {c.USER_ID: "u" * 256, c.EVENT_ID: "1"},
        {c.USER_ID: "ü" * 256, c.EVENT_ID: "1"},
        {c.ITEM_ID: "ü i/1 ", c.EVENT_ID: "2", c.VALUE: None},
        {c.TIMESTAMP: datetime(2026, 1, 31, tzinfo=UTC), c.EVENT_ID: "3"},
        {c.TIMESTAMP: datetime(2026, 1, 31, 23, 59, 59, 999999, tzinfo=UTC), c.EVENT_ID: "4"},
        filing=FILED,
    )
    assert check(batch, RULES).good.height == 5


def test_a_day_that_its_file_names_may_lie_anywhere():
    long_ago = datetime(1999, 5, 5, tzinfo=UTC)
    assert check(raw({c.TIMESTAMP: long_ago}, filing=Filing.on(long_ago.date())), RULES).good.height == 1


@pytest.mark.parametrize(
    ("items", "reason"), [(["a", "b"], None), ([], "bad_items"), (["a", None], "bad_items"), (["a", ""], "bad_items")]
)
def test_an_impression_needs_items_and_neither_item_nor_type(items, reason):
    shown = {c.ITEMS: items, c.ITEM_ID: None, c.EVENT_TYPE: None}
    found = check(raw(GOOD, shown), RULES)
    assert found.aside[c.REASON].to_list() == ([reason] if reason else [])


def test_interactions_that_are_set_aside_can_be_read_again():
    told = pl.DataFrame([{**GOOD, c.EVENT_TYPE: "gaze"}], schema=INTERACTIONS)
    ((_, file, line, _, text),) = check(from_interactions(told, source="feedback"), RULES).aside.rows()
    assert (file, line) == ("feedback", 1)
    assert json.loads(text)[c.EVENT_TYPE] == "gaze"


ids = st.one_of(st.none(), st.text(max_size=4), st.sampled_from(["u" * 256, "u" * 257, "ok"]))
values = st.one_of(st.none(), st.floats())
times = st.datetimes(datetime(1994, 12, 30), datetime(2101, 1, 2), timezones=st.just(UTC))  # noqa: DTZ001


@given(st.lists(st.tuples(ids, ids, ids, st.sampled_from(["view", "gaze"]), times, values), max_size=30))
def test_nothing_vanishes(rows):
    names = (c.EVENT_ID, c.USER_ID, c.ITEM_ID, c.EVENT_TYPE, c.TIMESTAMP, c.VALUE)
    batch = raw(*(dict(zip(names, row, strict=True)) for row in rows))
    found = check(batch, RULES)
    assert sorted([*found.good[c.SOURCE_LINE], *found.aside[c.SOURCE_LINE]]) == list(range(2, len(rows) + 2))
    assert found.aside[c.REASON].null_count() == 0


@given(ids, ids, ids, ids, times, values)
def test_the_table_and_the_wire_model_accept_the_same_events(event, user, item, session, when, value):
    row = {**GOOD, c.EVENT_ID: event, c.USER_ID: user, c.ITEM_ID: item, c.SESSION_ID: session, c.VALUE: value}
    row[c.TIMESTAMP] = when
    found = check(raw(row), Rules(event_types=("view",), earliest=date(1995, 1, 1), latest=date(2101, 1, 1)))
    try:
        Interaction.model_validate(row)
        accepted = True
    except ValidationError:
        accepted = False
    assert (found.good.height == 1) == accepted
