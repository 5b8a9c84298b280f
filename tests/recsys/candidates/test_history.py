from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.candidates.history import History, decay, positions
from recsys.testing.checkerboard import START, catalogue, events


def weighing(frame: pl.DataFrame, *weights: float) -> pl.DataFrame:
    return frame.with_columns(pl.Series(c.WEIGHT, weights, dtype=pl.Float32))


def test_an_event_loses_half_its_weight_in_a_half_life():
    days = (0, 7, 14)
    log = weighing(events([("u", "i", START - timedelta(days=n)) for n in days]), 1.0, 1.0, 4.0)
    np.testing.assert_allclose(decay(log, 7.0), [1.0, 0.5, 1.0])
    np.testing.assert_allclose(decay(log, None), [1.0, 1.0, 4.0])


def test_rows_and_columns_are_sorted_and_repeats_add_up():
    log = weighing(events([("v", "b", START), ("u", "a", START), ("v", "b", START)]), 1.0, 1.0, 1.0)
    history = History.of(log, half_life_days=None)
    assert (history.users.to_list(), history.items.to_list()) == (["u", "v"], ["a", "b"])
    np.testing.assert_array_equal(history.matrix.toarray(), [[1, 0], [0, 2]])


def test_only_the_heaviest_of_repeats_may_count():
    log = weighing(events([("u", "a", START), ("u", "a", START), ("u", "b", START)]), 1.0, 3.0, 2.0)
    history = History.of(log, half_life_days=None, repeats="best")
    np.testing.assert_array_equal(history.matrix.toarray(), [[1.5, 1.0]])


@pytest.mark.parametrize("unit", [0.1, 1.0, 500.0])
def test_only_ratios_of_weights_matter(unit):
    log = weighing(events([("u", "a", START), ("u", "b", START)]), unit, 3 * unit)
    np.testing.assert_allclose(History.of(log, half_life_days=7.0).matrix.toarray(), [[0.5, 1.5]], rtol=1e-6)


def test_places_of_ids_and_of_strangers():
    assert positions(pl.Series(["c", "x", "a"]), pl.Series(["a", "b", "c"])).tolist() == [2, -1, 0]


def test_what_the_catalogue_calls_gone_is_gone_and_what_it_does_not_know_is_not():
    log = events([("u", "a", START), ("u", "b", START), ("u", "c", START)])
    items = catalogue(log, unavailable=("b",)).filter(pl.col(c.ITEM_ID) != "c")
    assert History.of(log, half_life_days=None).available(items).tolist() == [True, False, True]
