"""The gate lets through what is surely better than the base rate, and not surely worse than anything else."""

import numpy as np
import pytest

from recsys.predictors.gate import decide

ROWS = 20_000


@pytest.fixture(scope="module")
def drawn():
    """True probabilities, and what became of them."""
    rng = np.random.default_rng(1)
    truth = rng.beta(1.0, 9.0, ROWS)
    return truth, rng.random(ROWS) < truth


def against(drawn, said, **rivals):
    labels = drawn[1]
    contestants = {"model": said, "base rate": np.full(ROWS, labels.mean()), **rivals}
    return decide(labels, contestants, np.arange(ROWS))


def test_the_truth_is_accepted_beside_itself(drawn):
    found = against(drawn, drawn[0], live=drawn[0])
    assert found.accepted
    assert found.against["live"].mean == 0
    assert 0 < found.against["base rate"].low < found.against["base rate"].mean < found.against["base rate"].high


def test_chance_is_refused(drawn):
    found = against(drawn, np.random.default_rng(2).permutation(drawn[0]))
    assert not found.accepted
    assert "base rate" in found.reason


def test_what_is_surely_worse_than_the_live_one_is_refused_although_it_beats_the_base_rate(drawn):
    truth = drawn[0]
    half = 0.5 * truth + 0.5 * truth.mean()
    assert against(drawn, half).accepted
    found = against(drawn, half, live=truth)
    assert not found.accepted
    assert "below that of live" in found.reason


def test_rows_of_one_session_count_as_one(drawn):
    """The same rows ten times are no more sure than once."""
    truth, labels = drawn
    said = {"model": truth, "base rate": np.full(ROWS, labels.mean())}
    once = decide(labels, said, np.arange(ROWS)).against["base rate"]
    repeated = {name: np.tile(each, 10) for name, each in said.items()}
    grouped = decide(np.tile(labels, 10), repeated, np.tile(np.arange(ROWS), 10)).against["base rate"]
    assert grouped.model_dump() == pytest.approx(once.model_dump())
