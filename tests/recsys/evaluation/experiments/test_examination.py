"""Positions are told apart from the items that stand there."""

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.errors import NotEnoughData
from recsys.evaluation.experiments.examination import examination, position_counts
from tests.recsys.evaluation.experiments.test_outcomes import SHOWN, TRIAL, events

TRUTH = np.array([1.0, 0.6, 0.45, 0.3, 0.25])


def counts(rng, shows: int = 40_000) -> pl.DataFrame:
    """Good items stand in front more often than others, as a ranker would have it."""
    liked = rng.uniform(0.02, 0.5, 60)
    item, place = np.divmod(np.arange(60 * 5), 5)
    often = rng.poisson(shows / 300 * np.exp(2 * (liked[item] - 0.25) * (2 - place)))
    clicked = rng.binomial(often, liked[item] * TRUTH[place])
    names = [f"i{each}" for each in item]
    return pl.DataFrame({c.ITEM_ID: names, c.POSITION: place + 1, c.SHOWN: often, c.CLICKED: clicked})


def test_chances_are_those_of_the_positions_not_of_their_items():
    found = counts(np.random.default_rng(1))
    assert examination(found) == pytest.approx(TRUTH, abs=0.04)
    rates = found.group_by(c.POSITION).agg(pl.col(c.CLICKED).sum() / pl.col(c.SHOWN).sum()).sort(c.POSITION)
    naive = (rates[c.CLICKED] / rates[c.CLICKED][0]).to_numpy()
    assert np.abs(naive - TRUTH).max() > 0.08


def test_a_position_nobody_clicked_is_as_the_one_before():
    found = pl.DataFrame({c.ITEM_ID: ["a", "a", "a"], c.POSITION: [1, 2, 3], c.SHOWN: [9, 9, 9], c.CLICKED: [4, 2, 0]})
    assert examination(found) == pytest.approx((1.0, 0.5, 0.5))


def test_without_a_click_there_is_nothing_to_learn_from():
    found = pl.DataFrame({c.ITEM_ID: ["a"], c.POSITION: [1], c.SHOWN: [9], c.CLICKED: [0]})
    with pytest.raises(NotEnoughData, match="no click at position 1 among 9 items shown"):
        examination(found)
    with pytest.raises(NotEnoughData, match="among 0 items"):
        examination(found.clear())


def test_counts_come_from_slates_and_clicks():
    done = events(("e1", "ann", "b", "view", 40, None, "r1"), ("e2", "ann", "d", "purchase", 50, 1.0, None))
    found = position_counts(TRIAL, SHOWN, done).collect()
    assert found.columns == [c.ITEM_ID, c.POSITION, c.SHOWN, c.CLICKED]
    assert found.rows() == [("a", 1, 3, 0), ("b", 2, 3, 1), ("c", 3, 2, 0), ("d", 3, 1, 0)]
