"""Causal self-attention: what comes later changes nothing before it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.serving.continuing.attention import Attention, read, unit

COUNT, SIZE, LAYERS, HEADS, LONGEST = 12, 8, 2, 2, 6


def transformer(seed: int = 1) -> Attention:
    """Nothing was learned; every weight counts."""
    draws = np.random.default_rng(seed)
    shapes = {
        "asked": (LAYERS, SIZE, 3 * SIZE),
        "near": (LAYERS, HEADS, LONGEST),
        "told": (LAYERS, SIZE, SIZE),
        "widened": (LAYERS, SIZE, 4 * SIZE),
        "narrowed": (LAYERS, 4 * SIZE, SIZE),
        "commonness": (COUNT,),
        "sharpness": (),
    }
    weights = {name: np.asarray(draws.normal(0, 0.5, shape), np.float32) for name, shape in shapes.items()}
    return Attention(weights | {"items": unit(np, draws.normal(size=(COUNT, SIZE)).astype(np.float32))})


@given(st.lists(st.integers(0, COUNT - 1), min_size=1, max_size=LONGEST), st.data())
def test_a_later_item_changes_nothing_before_it(session: list[int], data: st.DataObject):
    weights = transformer().weights
    cut = data.draw(st.integers(1, len(session)))
    other = session[:cut] + data.draw(st.lists(st.integers(0, COUNT - 1), max_size=LONGEST - cut))
    whole, changed = (read(np, weights, weights["items"][each])[:cut] for each in (session, other))
    assert changed == pytest.approx(whole, abs=1e-5)


def test_sessions_read_together_are_read_as_each_alone():
    weights = transformer().weights
    sessions = np.random.default_rng(2).integers(COUNT, size=(3, 4))
    together = read(np, weights, weights["items"][sessions])
    assert together.shape == (3, 4, SIZE)
    for session, found in zip(sessions, together, strict=True):
        assert read(np, weights, weights["items"][session]) == pytest.approx(found, abs=1e-5)


def test_sessions_in_one_row_do_not_see_each_other():
    weights = transformer().weights
    row, whose = np.array([3, 1, 4, 1, 5, 9]), np.array([0, 0, 1, 1, 1, 2])
    found = read(np, weights, weights["items"][row], whose)
    alone = np.concatenate([read(np, weights, weights["items"][row[whose == n]]) for n in range(3)])
    assert found == pytest.approx(alone, abs=1e-5)


def test_chances_are_of_all_items_and_the_newest_items_are_looked_at():
    scorer = transformer()
    session = np.array([3, 1, 4, 1, 5, 9, 2, 6])
    columns, chances = scorer.score(session)
    assert columns.tolist() == list(range(COUNT))
    assert chances.dtype == np.float32
    assert chances.min() > 0
    assert chances.sum() == pytest.approx(1.0, abs=1e-5)
    assert np.array_equal(chances, scorer.score(session[-LONGEST:])[1])
    assert not np.allclose(chances, scorer.score(session[[7, 6, 5, 4, 3, 2]])[1])  # order counts


def test_reasons_are_items_of_the_session_that_are_alike():
    scorer = transformer()
    items = scorer.weights["items"]
    for column, why in zip(range(COUNT), scorer.because(np.array([0, 5, 7, 5]), np.arange(COUNT)), strict=True):
        alike = {own: float(items[own] @ items[column]) for own in (0, 5, 7) if own != column}
        expected = sorted((own for own in alike if alike[own] > 0), key=lambda own: -alike[own])
        assert list(why) == expected
