from datetime import UTC, datetime, timedelta

import polars as pl
from polars.testing import assert_frame_equal

from recsys.datasets.catalogue import items_as_of
from recsys.events.schema import ITEM_UPDATES, ITEMS

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
UPDATES = pl.DataFrame(
    [
        ("b", NOON, "Bowl", "kitchen", 3.0, None),
        ("a", NOON, "Apron", None, 9.0, None),
        ("a", NOON + timedelta(hours=1), None, "kitchen", 8.0, False),
        ("a", NOON + timedelta(hours=2), "Big apron", None, None, True),
        ("c", NOON + timedelta(hours=2), "Cup", None, None, None),
    ],
    schema=ITEM_UPDATES,
    orient="row",
)


def items(*rows):
    return pl.DataFrame(rows, schema=ITEMS, orient="row")


def test_each_property_is_the_latest_told_before():
    assert_frame_equal(
        items_as_of(UPDATES, NOON + timedelta(hours=3)),
        items(
            ("a", "Big apron", "kitchen", 8.0, True),
            ("b", "Bowl", "kitchen", 3.0, True),
            ("c", "Cup", None, None, True),
        ),
    )


def test_what_is_told_at_that_very_time_is_not_known_yet():
    known = items_as_of(UPDATES, NOON + timedelta(hours=2))
    assert_frame_equal(known, items(("a", "Apron", "kitchen", 8.0, False), ("b", "Bowl", "kitchen", 3.0, True)))
    assert_frame_equal(items_as_of(UPDATES, NOON), items())


def test_the_order_of_the_rows_does_not_matter():
    late = NOON + timedelta(hours=3)
    assert_frame_equal(items_as_of(UPDATES.reverse(), late), items_as_of(UPDATES, late))
