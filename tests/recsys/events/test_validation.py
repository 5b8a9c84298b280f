import json
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from recsys import columns as c
from recsys.events.model import Interaction
from recsys.events.quality import fault_of
from recsys.events.raw import RAW, from_interactions
from recsys.events.schema import INTERACTIONS
from recsys.events.validation import check
from recsys.sites.config import QualityPolicy

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


def raw(*rows: dict) -> pl.DataFrame:
    placed = [{**GOOD, c.SOURCE_FILE: "x.csv", c.SOURCE_LINE: n, c.RAW: "{}"} | row for n, row in enumerate(rows, 2)]
    return pl.DataFrame([{name: row.get(name) for name in RAW} for row in placed], schema=RAW)


def checked(rows: pl.DataFrame):
    return check(rows, event_types=["view", "purchase"], earliest=date(2025, 1, 1), latest=date(2027, 1, 1))


@pytest.mark.parametrize(
    ("fault", "reason", "day"),
    [
        ({c.REASON: "cancellation", c.USER_ID: None}, "cancellation", DAY),
        ({c.TIMESTAMP: None}, "bad_timestamp", None),
        ({c.TIMESTAMP: None, c.DAY: DAY}, "bad_timestamp", DAY),
        ({c.TIMESTAMP: datetime(1970, 1, 1, tzinfo=UTC)}, "absurd_timestamp", None),
        ({c.TIMESTAMP: datetime(2027, 1, 1, tzinfo=UTC)}, "absurd_timestamp", None),
        ({c.TIMESTAMP: NOON + timedelta(hours=12), c.DAY: DAY}, "timestamp_outside_day", DAY),
        ({c.TIMESTAMP: NOON - timedelta(days=9), c.DAY: DAY}, "timestamp_outside_day", DAY),
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
    found = checked(raw(GOOD, fault))
    assert found[day].quarantine.rows() == [("x.csv", 3, reason, "{}")]
    assert found[DAY].kept.height == 1


def test_edges_that_are_good():
    rows = raw(
        {c.USER_ID: "u" * 256, c.EVENT_ID: "1"},
        {c.ITEM_ID: "ü i/1 ", c.EVENT_ID: "2", c.VALUE: None},
        {c.TIMESTAMP: datetime(2026, 1, 31, tzinfo=UTC), c.EVENT_ID: "3", c.DAY: DAY},
        {c.TIMESTAMP: datetime(2026, 1, 31, 23, 59, 59, 999999, tzinfo=UTC), c.EVENT_ID: "4", c.DAY: DAY},
    )
    assert checked(rows)[DAY].counts.kept == 4


def test_a_day_that_its_file_names_may_lie_anywhere():
    long_ago = datetime(1999, 5, 5, tzinfo=UTC)
    assert checked(raw({c.TIMESTAMP: long_ago, c.DAY: long_ago.date()}))[long_ago.date()].counts.kept == 1


def test_an_event_id_counts_once_a_day_and_the_first_good_row_stays():
    rows = raw({c.USER_ID: None}, {c.ITEM_ID: "first"}, {c.ITEM_ID: "second"}, {c.TIMESTAMP: NOON + timedelta(days=1)})
    found = checked(rows)
    assert found[DAY].kept[c.ITEM_ID].to_list() == ["first"]
    assert found[DAY].duplicates == 1
    assert found[DAY].counts.quarantined == {"bad_user_id": 1}
    assert found[DAY + timedelta(days=1)].counts.kept == 1


def test_interactions_that_are_set_aside_can_be_read_again():
    rows = from_interactions(pl.DataFrame([{**GOOD, c.EVENT_TYPE: "gaze"}], schema=INTERACTIONS), source="feedback")
    ((file, line, _, text),) = checked(rows)[DAY].quarantine.rows()
    assert (file, line) == ("feedback", 1)
    assert json.loads(text)[c.EVENT_TYPE] == "gaze"


ids = st.one_of(st.none(), st.text(max_size=4), st.sampled_from(["u" * 256, "u" * 257, "ok"]))
values = st.one_of(st.none(), st.floats())
times = st.datetimes(datetime(1994, 12, 30), datetime(2101, 1, 2), timezones=st.just(UTC))  # noqa: DTZ001


@given(st.lists(st.tuples(ids, ids, ids, st.sampled_from(["view", "gaze"]), times, values), max_size=30))
def test_nothing_vanishes(rows):
    names = (c.EVENT_ID, c.USER_ID, c.ITEM_ID, c.EVENT_TYPE, c.TIMESTAMP, c.VALUE)
    found = checked(raw(*(dict(zip(names, row, strict=True)) for row in rows)))
    counts = [part.counts for part in found.values()]
    assert sum(each.rows_in for each in counts) == len(rows)
    for part in found.values():
        assert part.kept.schema == INTERACTIONS
        assert part.kept[c.EVENT_ID].is_unique().all()
        assert part.quarantine[c.REASON].null_count() == 0


@given(ids, ids, ids, ids, times, values)
def test_the_table_and_the_wire_model_accept_the_same_events(event, user, item, session, when, value):
    row = {**GOOD, c.EVENT_ID: event, c.USER_ID: user, c.ITEM_ID: item, c.SESSION_ID: session, c.VALUE: value}
    row[c.TIMESTAMP] = when
    found = check(raw(row), event_types=["view"], earliest=date(1995, 1, 1), latest=date(2101, 1, 1))
    try:
        Interaction.model_validate(row)
        accepted = True
    except ValidationError:
        accepted = False
    assert (sum(part.kept.height for part in found.values()) == 1) == accepted


def test_a_day_with_too_many_bad_rows_is_refused_with_share_reasons_and_samples():
    rows = raw(GOOD, *({c.USER_ID: None} for _ in range(4)), {c.EVENT_TYPE: "gaze"})
    part = checked(rows)[DAY]
    fault = fault_of(part, QualityPolicy(max_bad_share=0.5))
    assert "5 of 6 rows bad (83.3%), expected at most 50.0%: bad_user_id 4, unknown_event_type 1" in fault
    assert fault.count("[bad_user_id]") == 3
    assert "x.csv line 3" in fault
    assert fault_of(part, QualityPolicy(max_bad_share=5 / 6)) is None
    assert fault_of(part, QualityPolicy(max_bad_share=0.5), of_rows=10) is None


def test_an_empty_day_is_refused_only_where_the_site_expects_rows():
    nothing = checked(raw({c.TIMESTAMP: NOON}))[DAY]
    empty = type(nothing)(nothing.kept.clear(), nothing.quarantine.clear(), 0)
    assert fault_of(empty, QualityPolicy()) is None
    assert "found no rows" in fault_of(empty, QualityPolicy(allow_empty_days=False))
