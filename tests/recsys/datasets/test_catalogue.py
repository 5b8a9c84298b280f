import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from recsys import columns as c
from recsys.datasets.catalogue import items_as_of
from recsys.errors import SchemaError
from recsys.events.schema import ITEM_UPDATES, ITEMS, filled

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PROPERTIES = [name for name in ITEMS if name != c.ITEM_ID]


def updates(*rows):
    return filled(
        pl.DataFrame([{c.ITEM_ID: item, c.TIMESTAMP: when, **told} for item, when, told in rows]), ITEM_UPDATES
    )


def items(*rows):
    return filled(pl.DataFrame([{c.ITEM_ID: item, **known} for item, known in rows], infer_schema_length=None), ITEMS)


UPDATES = updates(
    ("b", NOON, {"title": "Bowl", "category": "kitchen", "price": 3.0, "available": None}),
    ("a", NOON, {"title": "Apron", "price": 9.0}),
    ("a", NOON + HOUR, {"category": "kitchen", "price": 8.0, "available": False}),
    ("a", NOON + 2 * HOUR, {"title": "Big apron", "available": True}),
    ("c", NOON + 2 * HOUR, {"title": "Cup"}),
)


def test_each_property_is_the_latest_told_before():
    assert_frame_equal(
        items_as_of(UPDATES, NOON + 3 * HOUR),
        items(
            ("a", {"title": "Big apron", "category": "kitchen", "price": 8.0, "available": True}),
            ("b", {"title": "Bowl", "category": "kitchen", "price": 3.0, "available": True}),
            ("c", {"title": "Cup", "available": True}),
        ),
    )


def test_what_is_told_at_that_very_time_is_not_known_yet():
    known = items_as_of(UPDATES, NOON + 2 * HOUR)
    assert known.select(c.ITEM_ID, c.TITLE, c.AVAILABLE).rows() == [("a", "Apron", False), ("b", "Bowl", True)]
    assert_frame_equal(items_as_of(UPDATES, NOON), pl.DataFrame(schema=ITEMS))


def test_attributes_are_merged_key_by_key_and_null_takes_one_away():
    told = updates(
        ("a", NOON, {"attributes": '{"brand": "Hob", "litres": 1.7}'}),
        ("a", NOON + HOUR, {"title": "Kettle"}),
        ("a", NOON + 2 * HOUR, {"attributes": '{"litres": 2, "colours": ["red"], "by": {"x": 1}}'}),
        ("a", NOON + 3 * HOUR, {"attributes": '{"brand": null, "by": {"y": 2}}'}),
        ("b", NOON, {"attributes": '{"only": null}'}),
        ("c", NOON, {"title": "None"}),
    )

    def known(when):
        return dict(items_as_of(told, when).select(c.ITEM_ID, c.ATTRIBUTES).iter_rows())

    assert known(NOON + 2 * HOUR) == {"a": '{"brand":"Hob","litres":1.7}', "b": "{}", "c": None}
    assert known(NOON + 3 * HOUR)["a"] == '{"brand":"Hob","by":{"x":1},"colours":["red"],"litres":2}'
    assert known(NOON + 4 * HOUR)["a"] == '{"by":{"y":2},"colours":["red"],"litres":2}'


@pytest.mark.parametrize("text", ["{", "[]", "7", "", "{} {}"])
def test_attributes_that_are_no_object_are_named(text):
    with pytest.raises(SchemaError, match=r"item 'a': found the attributes .*, expected one JSON object"):
        items_as_of(updates(("a", NOON, {"attributes": text})), NOON + HOUR)


def test_only_the_properties_that_are_wanted_are_looked_at():
    told = updates(("a", NOON, {"title": "Apron", "price": 2.0, "attributes": "broken"})).drop(c.ATTRIBUTES, c.TITLE)
    known = items_as_of(told, NOON + HOUR)
    assert known.columns == [name for name in ITEMS if name not in (c.ATTRIBUTES, c.TITLE)]
    assert known[c.PRICE].to_list() == [2.0]
    assert c.AVAILABLE not in items_as_of(told.drop(c.AVAILABLE), NOON + HOUR).columns


TOLD = {
    c.TITLE: st.sampled_from(["One", "Two", "Three"]),
    c.TEXT: st.text(max_size=3),
    c.CATEGORY: st.sampled_from("xyz"),
    c.PRICE: st.floats(0, 9, allow_nan=False),
    c.AVAILABLE: st.booleans(),
    c.IMAGE: st.just("https://example.org/1.png"),
    c.LANGUAGE: st.sampled_from(["en", "de-AT"]),
    c.PUBLISHED_AT: st.integers(0, 5).map(lambda day: NOON - day * 24 * HOUR),
    c.ATTRIBUTES: st.dictionaries(st.sampled_from("pqr"), st.none() | st.integers(0, 3)).map(json.dumps),
}
ROWS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.integers(0, 6).map(lambda hour: NOON + hour * HOUR),
        st.fixed_dictionaries({}, optional=TOLD),
    ),
    max_size=25,
)


def by_hand(rows, as_of):
    """The same catalogue, the slow way."""
    known = {item: {} for item, when, _ in rows if when < as_of}
    for name in PROPERTIES:
        ties = {c.AVAILABLE: lambda told: not told}.get(name, lambda told: told)
        for item, _, told in sorted(
            (row for row in rows if row[1] < as_of and name in row[2]),
            key=lambda row, ties=ties, name=name: (row[1], ties(row[2][name])),
        ):
            before = known[item].get(name)
            merged = {**json.loads(before or "{}"), **json.loads(told[name])} if name == c.ATTRIBUTES else None
            known[item][name] = told[name] if merged is None else json.dumps(merged)
    for properties in known.values():
        properties.setdefault(c.AVAILABLE, True)
        if c.ATTRIBUTES in properties:
            kept = {key: value for key, value in json.loads(properties[c.ATTRIBUTES]).items() if value is not None}
            properties[c.ATTRIBUTES] = json.dumps(kept, sort_keys=True, separators=(",", ":"))
    return [{c.ITEM_ID: item} | {name: known[item].get(name) for name in PROPERTIES} for item in sorted(known)]


@given(ROWS, st.integers(0, 7), st.randoms())
def test_nothing_that_was_told_later_is_ever_seen(rows, hour, random):
    as_of = NOON + hour * HOUR
    frame = updates(*rows) if rows else pl.DataFrame(schema=ITEM_UPDATES)
    known = items_as_of(frame, as_of)
    assert known.schema == ITEMS
    assert known.to_dicts() == by_hand(rows, as_of)
    before = frame.filter(pl.col(c.TIMESTAMP) < as_of)
    shuffled = before[random.sample(range(before.height), before.height)]
    assert_frame_equal(items_as_of(shuffled, as_of), known)
    assert_frame_equal(items_as_of(shuffled, NOON + 99 * HOUR), known)
    some = random.sample(PROPERTIES, random.randint(0, len(PROPERTIES)))
    assert_frame_equal(items_as_of(frame.drop(some), as_of), known.drop(some))
