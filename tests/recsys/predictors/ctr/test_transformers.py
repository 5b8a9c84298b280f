"""Encoders by hand, and that no row takes part in its own numbers."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from recsys.predictors.ctr.counting import Counted, blocks_of
from recsys.predictors.ctr.transformers import Counts, Crosses, Frequencies, Numbers, Rates
from recsys.serving.predicting.coded import Coded

ITEMS = ["a", "a", "b", "a", "b", "c"]
LABELS = np.array([True, False, True, False, False, True])
COLUMNS = {"item": Coded.of(ITEMS), "place": Coded.of([1, 2, 1, 2, 1, None])}
KINDS = [Counts, Frequencies, Rates, Crosses]


def test_numbers_are_read():
    np.testing.assert_array_equal(Numbers(("place",)).fit(COLUMNS).transform(COLUMNS)[:, 0], [1, 2, 1, 2, 1, np.nan])


def test_counts_and_frequencies_of_what_was_seen():
    later = {"item": Coded.of(["a", "b", "c", "new"])}
    counts = Counts((("item",),), min_rows=1, folds=3).fit(COLUMNS, LABELS)
    np.testing.assert_allclose(counts.transform(later)[:, 0], np.log1p([3, 2, 1, 0]), rtol=1e-6)
    shares = Frequencies((("item",),), min_rows=2, folds=3).fit(COLUMNS, LABELS)
    np.testing.assert_allclose(shares.transform(later)[:, 0], [3 / 6, 2 / 6, 0, 0], rtol=1e-6)


def test_out_of_fold_by_hand():
    """Blocks of two rows; the first two know each other, the last knows both."""
    found = Frequencies((("item",),), min_rows=1, folds=3).fit_transform(COLUMNS, LABELS)[:, 0]
    np.testing.assert_allclose(found, [1 / 2, 1 / 2, 0, 1, 1 / 4, 0])


def test_rates_are_drawn_towards_the_rate_of_all():
    rng = np.random.default_rng(1)
    items = rng.integers(0, 20, 5000)
    labels = rng.random(5000) < np.where(items < 10, 0.1, 0.4)
    columns = {"item": Coded.of(items.tolist())}
    rates = Rates((("item",),)).fit(columns, labels).transform({"item": Coded.of([0, 15, "new"])})[:, 0]
    assert rates[2] == pytest.approx(labels.mean(), abs=1e-6)
    assert rates[0] < 0.2 < rates[2] < 0.3 < rates[1]


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), min_size=8, max_size=60), st.integers(0, 3))
def test_a_rows_own_block_changes_none_of_its_numbers(rows, own):
    """Nor does the last block change what the others are told."""
    labels, block = np.array([row[1] for row in rows]), blocks_of(len(rows), 4)
    column = Coded.of([row[0] for row in rows])

    def told(labels: np.ndarray) -> np.ndarray:
        counted = Counted.of(column, labels, block, 4)
        rate = lambda seen, clicks, totals: (clicks + totals.rate) / (seen + 1)  # noqa: E731
        return counted.out_of_fold(rate, block, min_rows=1)

    turned = np.where((block == own) | (block == 3), ~labels, labels)
    assert told(labels)[block == own].tobytes() == told(turned)[block == own].tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_state_is_json_and_arrays(kind):
    fitted = kind((("item",), ("item", "place")), min_rows=1, folds=3).fit(COLUMNS, LABELS)
    told, arrays = fitted.to_state()
    again = clone(fitted).from_state(json.loads(json.dumps(told)), arrays)
    strange = {"item": Coded.of(["a", "é\ud800", None]), "place": Coded.of([1, 1, 2])}
    assert again.transform(strange).tobytes() == fitted.transform(strange).tobytes()
    assert all(array.dtype.kind in "fiu" for each in arrays for array in each.values())
    assert again.names == fitted.names
