from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys import columns as c
from recsys.datasets.fetched import FETCHED, FetchedItems
from recsys.errors import SchemaError
from recsys.events.schema import ITEM_UPDATES, filled

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def outcomes(*rows: dict[str, object]) -> pl.DataFrame:
    return filled(pl.DataFrame(rows), FETCHED)


GOOD = {c.ITEM_ID: "a", c.TIMESTAMP: NOON, c.TITLE: "Apron"}
BAD = {c.ITEM_ID: "b", c.TIMESTAMP: NOON + HOUR, c.REASON: "fetch_error", c.LASTING: False}
EXCLUDED = {c.ITEM_ID: "x", c.TIMESTAMP: NOON, c.REASON: "excluded_by_rule", c.AVAILABLE: False}
NEXT_DAY = {c.ITEM_ID: "c", c.TIMESTAMP: NOON + 12 * HOUR, c.TITLE: "Cup"}


@pytest.fixture
def fetched(blobs) -> FetchedItems:
    return FetchedItems(blobs, "shop")


def test_what_was_landed_is_read_back_by_time(fetched):
    fetched.land(outcomes(NEXT_DAY, BAD, GOOD))
    assert fetched.between(NOON, NOON + 13 * HOUR)[c.ITEM_ID].to_list() == ["a", "b", "c"]
    assert fetched.between(NOON, NOON + HOUR)[c.ITEM_ID].to_list() == ["a"]
    assert fetched.between(NOON + HOUR, NOON + 12 * HOUR)[c.ITEM_ID].to_list() == ["b"]
    assert fetched.between(NOON + 12 * HOUR, NOON + 13 * HOUR)[c.ITEM_ID].to_list() == ["c"]
    assert_frame_equal(fetched.between(NOON, NOON), pl.DataFrame(schema=FETCHED))


def test_an_object_is_of_one_day_and_the_same_outcomes_are_one_object(fetched):
    keys = fetched.land(outcomes(GOOD, NEXT_DAY, BAD))
    assert [key.split("/")[:3] for key in keys] == [["fetched", "shop", day] for day in ("2026-05-01", "2026-05-02")]
    assert fetched.land(outcomes(BAD, NEXT_DAY, GOOD)) == keys
    assert fetched.blobs.list("fetched/") == keys
    assert fetched.land(outcomes(GOOD).clear()) == []


def test_updates_are_what_was_told_and_what_a_rule_excludes(fetched):
    fetched.land(outcomes(GOOD, BAD, EXCLUDED))
    updates = fetched.updates(NOON, NOON + 2 * HOUR)
    assert updates.schema == ITEM_UPDATES
    assert updates.select(c.ITEM_ID, c.TITLE, c.AVAILABLE).rows() == [("a", "Apron", None), ("x", None, False)]


def test_sites_are_apart(fetched, blobs):
    fetched.land(outcomes(GOOD))
    assert FetchedItems(blobs, "sho").between(NOON, NOON + HOUR).is_empty()


def test_another_schema_is_refused(fetched):
    with pytest.raises(SchemaError, match="reason"):
        fetched.land(filled(pl.DataFrame([GOOD]), ITEM_UPDATES))
