"""Looking often must not find what is not there; what is there must be found."""

import numpy as np
import pytest

from recsys.evaluation.experiments.lift import LogLift
from recsys.evaluation.experiments.sequential import lift_interval, p_values, radius
from recsys.evaluation.experiments.split import chi_square, split_p_values

RUNS, STEPS = 2000, 2000


def walks(effect: float, seed: int = 0):
    """Means of ever more normal values with this mean, and their errors."""
    values = np.random.default_rng(seed).standard_normal((RUNS, STEPS)) + effect
    count = np.arange(1, STEPS + 1)
    return values.cumsum(axis=1) / count, np.broadcast_to(1 / np.sqrt(count), values.shape)


def test_equal_arms_are_rarely_told_apart_however_often_one_looks():
    means, errors = walks(0.0)
    outside = (np.abs(means) > radius(errors, tau=0.1, alpha=0.05)).any(axis=1).mean()
    fixed = (np.abs(means) > 1.96 * errors).any(axis=1).mean()
    assert 0.01 < outside < 0.05
    assert fixed > 0.4


def test_an_effect_is_found_and_the_interval_has_it():
    means, errors = walks(0.2, seed=1)
    width = radius(errors, tau=0.1, alpha=0.05)
    assert (means[:, -1] > width[:, -1]).mean() > 0.99
    assert (np.abs(means - 0.2) > width).any(axis=1).mean() < 0.05


def test_the_p_value_and_the_interval_say_the_same():
    means, errors = walks(0.05, seed=2)
    found = p_values(means, errors, tau=0.1)
    excluded = np.maximum.accumulate(np.abs(means) > radius(errors, tau=0.1, alpha=0.05), axis=1)
    assert ((found < 0.05) == excluded).all()
    assert (np.diff(found, axis=1) <= 0).all()


def test_where_nothing_is_known_the_interval_says_so():
    low, high = lift_interval(LogLift(np.array([np.nan]), np.array([np.nan])), expected=0.05, alpha=0.05)
    assert (low.tolist(), high.tolist()) == ([-1.0], [np.inf])
    assert p_values(np.array([np.nan]), np.array([np.nan]), tau=0.1).tolist() == [1.0]


def test_a_fair_split_is_rarely_suspected_at_any_user():
    rng = np.random.default_rng(3)
    in_first = (rng.random((500, 4000)) < 0.7).cumsum(axis=1)
    users = np.stack([in_first, np.arange(1, 4001) - in_first], axis=1).astype(float)
    assert (split_p_values(users, (0.7, 0.3))[:, -1] < 0.05).mean() < 0.05


def test_lost_users_are_found():
    users = np.array([[1000.0, 10_000.0, 50_000.0], [960.0, 9600.0, 48_000.0]])
    p = split_p_values(users, (0.5, 0.5))
    assert p[0] > 0.05
    assert p[2] < 1e-6
    assert chi_square(users[:, 2], (0.5, 0.5)) < 1e-6


def test_the_chi_square_is_the_textbooks():
    assert chi_square((60, 40), (0.5, 0.5)) == pytest.approx(0.0455, abs=1e-4)
