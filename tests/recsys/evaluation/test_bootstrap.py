import numpy as np
import pytest

from recsys.evaluation.bootstrap import mean_interval


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_interval_is_that_of_the_normal_law():
    values = rng().normal(0.3, 1.0, 4000)
    found = mean_interval(values, rng=rng())
    assert found.mean == pytest.approx(values.mean())
    spread = 1.96 * values.std() / np.sqrt(len(values))
    assert (found.low, found.high) == pytest.approx((values.mean() - spread, values.mean() + spread), abs=spread / 5)
    assert found.is_above_zero


def test_nineteen_of_twenty_intervals_hold_the_truth():
    held = 0
    for seed in range(200):
        found = mean_interval(rng(seed).normal(0.0, 1.0, 60), rng=rng(seed), resamples=300)
        held += found.low <= 0.0 <= found.high
    assert 0.88 <= held / 200 <= 0.99


def test_the_seed_decides():
    values = rng().random(50)
    assert mean_interval(values, rng=rng(3)) == mean_interval(values, rng=rng(3))
    assert mean_interval(values, rng=rng(3)) != mean_interval(values, rng=rng(4))


def test_equal_values_have_no_spread_and_nobody_has_zero():
    same = mean_interval(np.full(9, 0.25), rng=rng())
    assert (same.mean, same.low, same.high) == (0.25, 0.25, 0.25)
    nobody = mean_interval(np.empty(0), rng=rng())
    assert (nobody.mean, nobody.low, nobody.high) == (0.0, 0.0, 0.0)
    assert not nobody.is_above_zero
