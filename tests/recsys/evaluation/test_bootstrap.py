import numpy as np
import pytest

from recsys.evaluation.bootstrap import Resampled, mean_interval


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


def test_differences_and_lifts_are_paired():
    """One contestant is always 0.1 ahead of the other: the lead is sure, however wide the two spread."""
    values = rng().random(300)
    means = Resampled(np.column_stack([values + 0.1, values, 2 * values]), rng=rng())
    lead = means.difference(0, 1)
    assert (lead.mean, lead.low, lead.high) == pytest.approx((0.1, 0.1, 0.1))
    double = means.lift(2, 1)
    assert double is not None
    assert (double.mean, double.low, double.high) == pytest.approx((1.0, 1.0, 1.0))
    assert means.mean(1).low < means.mean(0).mean < means.mean(1).high + 0.1


def test_a_lift_over_what_may_be_nothing_is_not_told():
    rare = np.zeros(50)
    rare[0] = 1.0
    assert Resampled(np.column_stack([np.ones(50), rare]), rng=rng()).lift(0, 1) is None
    assert Resampled(np.empty((0, 2)), rng=rng()).lift(0, 1) is None


def test_columns_do_not_change_each_other():
    values = rng().random((80, 3))
    beside, alone = Resampled(values, rng=rng(2)).mean(2), Resampled(values[:, [2]], rng=rng(2)).mean(0)
    assert beside.model_dump() == pytest.approx(alone.model_dump(), abs=1e-12)
