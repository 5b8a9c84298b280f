from datetime import timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys import columns as c
from recsys.errors import DataError
from recsys.features.build import build_features
from recsys.features.feature_set import KNOWLEDGE, FeatureSet
from recsys.testing.checkerboard import START, catalogue, events

AS_OF = START + timedelta(days=30)


def before(days: float):
    return AS_OF - timedelta(days=days)


LOG = events(
    [
        ("ann", "hat", before(20)),
        ("ann", "hat", before(2)),
        ("ann", "mug", before(2)),
        ("bob", "hat", before(0.5)),
        ("bob", "cup", before(40)),
    ]
).with_columns(pl.Series(c.WEIGHT, [1.0, 5.0, 2.0, 1.0, 1.0], dtype=pl.Float32))
PRICES = {"hat": 10.0, "mug": 4.0}
ITEMS = catalogue(LOG).with_columns(
    pl.col(c.ITEM_ID).replace_strict(PRICES, default=None, return_dtype=pl.Float64).alias(c.PRICE),
    pl.col(c.ITEM_ID).replace_strict({"mug": "kitchen", "cup": "kitchen"}, default=None).alias(c.CATEGORY),
)
PAIRS = pl.DataFrame({c.USER_ID: ["ann", "ann", "bob", "stranger"], c.ITEM_ID: ["hat", "cup", "new", "hat"]})


@pytest.fixture(scope="module")
def features() -> pl.DataFrame:
    return build_features(PAIRS, interactions=LOG, items=ITEMS, as_of=AS_OF)


def row(features: pl.DataFrame, number: int) -> dict:
    return features.row(number, named=True)


def test_every_feature_of_the_set_is_there_in_the_pairs_order(features):
    assert set(FeatureSet.of([]).names) - {c.N_SOURCES} <= set(features.columns)
    assert features.select(c.USER_ID, c.ITEM_ID).equals(PAIRS)
    assert {features.schema[name] for name in KNOWLEDGE} == {pl.Float32()}


def test_what_is_known_of_a_user(features):
    ann = row(features, 0)
    assert (ann[c.USER_EVENTS], ann[c.USER_ITEMS], ann[c.USER_ACTIVE_DAYS]) == (3, 2, 2)
    assert (ann[c.USER_DAYS_SINCE_LAST], ann[c.USER_DAYS_SINCE_FIRST], ann[c.USER_MEAN_PRICE]) == (2, 20, 8)


def test_what_is_known_of_an_item(features):
    hat = row(features, 0)
    assert (hat[c.ITEM_POPULARITY_1D], hat[c.ITEM_POPULARITY_7D], hat[c.ITEM_POPULARITY_28D]) == (1000, 1000, 1000)
    assert row(features, 1)[c.ITEM_POPULARITY_28D] == 0
    assert row(features, 1)[c.ITEM_POPULARITY_ALL] == 500
    assert (hat[c.ITEM_AGE_DAYS], hat[c.ITEM_DAYS_SINCE_LAST], hat[c.ITEM_REPEAT_RATE]) == (20, 0.5, 1.5)
    assert hat[c.ITEM_MEAN_WEIGHT] == pytest.approx(7 / 3)
    assert (hat[c.PRICE], hat[c.CATEGORY], row(features, 1)[c.CATEGORY]) == (10, "", "kitchen")


def test_what_is_known_of_a_pair_and_its_category(features):
    hat, cup = row(features, 0), row(features, 1)
    assert (hat[c.PAIR_EVENTS], hat[c.PAIR_WEIGHT], hat[c.PAIR_DAYS_SINCE_LAST]) == (2, 6, 2)
    assert hat[c.PRICE_RATIO] == 10 / 8
    assert (cup[c.PAIR_EVENTS], cup[c.CATEGORY_AFFINITY], cup[c.CATEGORY_DAYS_SINCE_LAST]) == (None, 0.25, 2)


def test_what_is_not_known_is_null(features):
    assert {row(features, 3)[name] for name in (c.USER_EVENTS, c.USER_MEAN_PRICE, c.PRICE_RATIO, c.PAIR_EVENTS)} == {
        None
    }
    assert {row(features, 2)[name] for name in (c.ITEM_AGE_DAYS, c.PRICE, c.ITEM_POPULARITY_7D)} == {None}
    assert row(features, 2)[c.CATEGORY] == ""


def test_an_event_at_as_of_is_the_future():
    with pytest.raises(DataError, match="expected all before"):
        build_features(PAIRS, interactions=LOG, items=ITEMS, as_of=before(0.5))


def test_the_order_of_events_changes_nothing(features):
    again = build_features(PAIRS, interactions=LOG.reverse(), items=ITEMS.reverse(), as_of=AS_OF)
    assert_frame_equal(features, again)


def test_no_pairs_and_no_events_are_not_an_error():
    assert build_features(PAIRS.clear(), interactions=LOG, items=ITEMS, as_of=AS_OF).is_empty()
    bare = build_features(PAIRS, interactions=LOG.clear(), items=ITEMS, as_of=AS_OF)
    assert bare[c.ITEM_POPULARITY_7D].null_count() == PAIRS.height
