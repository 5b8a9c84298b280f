"""The gate lets through what is surely better than the base rate, and not surely worse than anything else."""

import numpy as np
import pytest

from recsys.predictors.gate import Measure, decide
from recsys.predictors.quality import row_log_loss

ROWS = 20_000
LOG_LOSS = Measure("log-loss", "lower")


@pytest.fixture(scope="module")
def drawn():
    """True probabilities, and what became of them."""
    rng = np.random.default_rng(1)
    truth = rng.beta(1.0, 9.0, ROWS)
    return truth, rng.random(ROWS) < truth


def against(drawn, said, **rivals):
    labels = drawn[1]
    contestants = {"model": said, "base rate": np.full(ROWS, labels.mean()), **rivals}
    return judged(labels, contestants, np.arange(ROWS))


def judged(labels, said, groups):
    losses = {name: row_log_loss(labels, each) for name, each in said.items()}
    return decide(losses, groups, measure=LOG_LOSS, floor="base rate")


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
    once = judged(labels, said, np.arange(ROWS)).against["base rate"]
    repeated = {name: np.tile(each, 10) for name, each in said.items()}
    grouped = judged(np.tile(labels, 10), repeated, np.tile(np.arange(ROWS), 10)).against["base rate"]
    assert grouped.model_dump() == pytest.approx(once.model_dump())


def test_where_higher_is_better_the_higher_one_wins():
    rng = np.random.default_rng(3)
    low, high = rng.random(ROWS), rng.random(ROWS) + 0.1
    rank, groups = Measure("reciprocal rank", "higher"), np.arange(ROWS)
    won = decide({"model": high, "popularity": low}, groups, measure=rank, floor="popularity")
    assert won.accepted
    assert "above that of popularity" in won.reason
    lost = decide({"model": low, "popularity": low - 1, "live": high}, groups, measure=rank, floor="popularity")
    assert not lost.accepted
    assert "above that of live, which is surely lower" in lost.reason
