import json
from datetime import UTC, date, datetime

import polars as pl
import pytest
from pydantic import ValidationError

from recsys import columns as c
from recsys.events.stream.landed import MESSAGES, Days
from recsys.events.stream.movielog import movielog
from recsys.events.stream.params import KafkaParams, sane_times
from recsys.events.stream.told import days_of, split, tell
from recsys.sites.config import QualityPolicy

WHERE = {"bootstrap_servers": "broker:9092", "topic": "events"}
RULES = sane_times(QualityPolicy())
RECEIVED = datetime(2026, 8, 2, 9, tzinfo=UTC)
MORNING = datetime(2026, 8, 1, 10, tzinfo=UTC)


def told(*messages: str | dict | None, **params) -> pl.DataFrame:
    texts = [json.dumps(each) if isinstance(each, dict) else each for each in messages]
    rows = [(place, RECEIVED, text, None) for place, text in enumerate(texts)]
    frame = pl.DataFrame(rows, schema=MESSAGES, orient="row")
    return tell(frame, KafkaParams(**WHERE, **params).form, RULES)


def view(**fields) -> dict:
    said = {"event_id": "e", "user_id": "u", "item_id": "i", "event_type": "view", "timestamp": "2026-08-01T10:00:00Z"}
    return {name: value for name, value in (said | fields).items() if value is not None}


def test_an_interaction_says_itself_what_it_is():
    [row] = told(view(value=2.5, session_id="s", user_id=12)).rows(named=True)
    assert row[c.KIND] == "interaction"
    assert (row[c.EVENT_ID], row[c.USER_ID], row[c.ITEM_ID], row[c.EVENT_TYPE]) == ("e", "12", "i", "view")
    assert (row[c.TIMESTAMP], row[c.VALUE], row[c.SESSION_ID], row[c.REASON]) == (MORNING, 2.5, "s", None)


def test_an_impression_is_what_has_items_and_can_be_answered_by_its_id():
    [row] = told({"event_id": "x", "user_id": "u", "items": ["a", 2], "timestamp": 1785578400}).rows(named=True)
    assert (row[c.KIND], row[c.ITEMS], row[c.REQUEST_ID]) == ("impression", ["a", "2"], "x")
    assert (row[c.TIMESTAMP], row[c.REASON]) == (MORNING, None)


def test_an_item_update_is_no_row():
    parts = split(
        told(
            {
                "item_id": "i",
                "price": "1.5",
                "available": False,
                "timestamp": "2026-08-01T10:00:00Z",
                "attributes": {"x": 1},
            },
            {"item_id": "", "kind": "item_update", "timestamp": "2026-08-01T10:00:00Z"},
            {"item_id": "i", "price": "dear", "timestamp": "2026-08-01T10:00:00Z"},
        ).with_columns(pl.lit("f").alias(c.SOURCE_FILE), pl.lit(1).alias(c.SOURCE_LINE))
    )
    [update] = parts.item_updates.rows(named=True)
    assert (update[c.ITEM_ID], update[c.PRICE], update[c.AVAILABLE]) == ("i", 1.5, False)
    assert (update[c.TIMESTAMP], update[c.ATTRIBUTES], update[c.TITLE]) == (MORNING, '{"x": 1}', None)
    assert parts.rows[c.REASON].to_list() == ["bad_item_id", "bad_price"]
    assert parts.originals[c.OFFSET].to_list() == [1, 2]


def test_fields_may_have_other_names_or_always_the_same_value():
    columns = {"user_id": "who.id", "item_id": "sku", "timestamp": "at", "event_type": {"constant": "view"}}
    columns |= {"value": {"column": "stars", "map": {"best": "5"}}}
    [row] = told({"who": {"id": 7}, "sku": "s", "at": 1785578400123, "stars": "best"}, columns=columns).rows(named=True)
    assert (row[c.USER_ID], row[c.ITEM_ID], row[c.EVENT_TYPE], row[c.VALUE]) == ("7", "s", "view", 5.0)
    assert row[c.TIMESTAMP] == datetime(2026, 8, 1, 10, 0, 0, 123_000, tzinfo=UTC)


def test_without_an_id_of_its_own_the_content_is_the_id():
    other = {"timestamp": "2026-08-01T10:00:01Z"}, {"item_id": "j"}, {"user_id": "v"}, {"event_type": "buy"}
    ids = told(view(event_id=None), view(event_id=None), *(view(event_id=None, **one) for one in other))[c.EVENT_ID]
    assert ids[0] == ids[1]
    assert ids.n_unique() == 5


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("{", "not_json"),
        ("", "not_json"),
        ('{"user_id": NaN}', "not_json"),
        ("[1, 2]", "not_an_object"),
        ('"text"', "not_an_object"),
        (view(timestamp=None), "bad_timestamp"),
        (view(timestamp="soon"), "bad_timestamp"),
        (view(timestamp="1970-01-01T00:00:00Z"), "absurd_timestamp"),
        (view(timestamp="2199-01-01T00:00:00Z"), "absurd_timestamp"),
    ],
)
def test_a_message_without_a_usable_time_lies_on_the_day_on_which_the_broker_took_it(message, reason):
    found = told(message)
    assert found[c.REASON].to_list() == [reason]
    assert days_of(found, RULES) == Days((RECEIVED.date(),))


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (view(kind="purchase"), "unknown_kind"),
        (view(kind="impression"), "bad_items"),
        (view(value="much"), "bad_value"),
        (view(user_id=["u"]), None),  # no user: judged later, with the rows of all sources
    ],
)
def test_any_other_lies_on_its_own_day(message, reason):
    found = told(message)
    assert found[c.REASON].to_list() == [reason]
    assert days_of(found, RULES) == Days((MORNING.date(),))


def test_a_byte_order_mark_does_no_harm():
    assert told("\ufeff" + json.dumps(view()))[c.REASON].to_list() == [None]


def test_columns_that_nobody_knows_are_refused_by_name():
    with pytest.raises(ValidationError, match="colour"):
        KafkaParams(**WHERE, columns={"colour": "color"})
    with pytest.raises(ValidationError, match="movielog"):
        KafkaParams(**WHERE, format="movielog", columns={"user_id": "user"})


def test_log_lines_of_a_film_service():
    lines = [
        "2026-08-01T10:00:00,12,GET /rate/the+matrix+1999=4",
        "2026-08-01T10:00,12,GET /data/m/what=if/a+1+2001/17.mpg",
        "2026-08-01T10:00:00.5,58,recommendation request host:8082, status 200, result: a+1999, b, c, 123 ms",
        "2026-08-01T10:00:00,58,recommendation request host:8082, status 0, result: java.net.ConnectException, 12 ms",
        "2026-08-01T10:00:00,58,recommendation request host:8082, status 200",
        "2026-08-01T10:00:00,12,GET /rate/the+matrix+1999=great",
        "nonsense",
    ]
    found = movielog(pl.Series(lines))
    assert found[c.REASON].to_list() == [
        None,
        None,
        None,
        "request_failed",
        "request_failed",
        "unknown_line",
        "unknown_line",
    ]
    assert found[c.EVENT_TYPE].to_list()[:3] == ["rate", "watch", None]
    assert found[c.ITEM_ID].to_list()[:3] == ["the+matrix+1999", "what=if/a+1+2001", None]
    assert found[c.VALUE].to_list()[:3] == [4.0, None, None]
    assert found[c.ITEMS].to_list()[:3] == [None, None, ["a+1999", "b", "c"]]
    assert found[c.TIMESTAMP].to_list()[:2] == [MORNING, MORNING]
    assert found[c.EVENT_ID][:3].n_unique() == 3
    assert movielog(pl.Series(lines[:3]))[c.EVENT_ID].to_list() == found[c.EVENT_ID].to_list()[:3]


def test_two_minutes_watched_in_one_second_are_two_events():
    lines = [f"2026-08-01T10:00:00,12,GET /data/m/a/{minute}.mpg" for minute in (1, 2)]
    assert movielog(pl.Series(lines))[c.EVENT_ID].n_unique() == 2


def test_days_are_those_of_the_events():
    messages = (view(), view(timestamp="2026-07-30T23:59:59Z"), "{")
    assert days_of(told(*messages), RULES).days == (date(2026, 7, 30), date(2026, 8, 1), date(2026, 8, 2))
