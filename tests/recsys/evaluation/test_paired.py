import numpy as np
import pytest
from scipy.stats import permutation_test, ttest_1samp

from recsys.evaluation.paired import paired_test


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_users_are_counted():
    found = paired_test(np.array([0.5, 0.0, -0.1, 0.2, 0.0]), rng=rng())
    assert (found.better, found.equal, found.worse) == (2, 2, 1)
    assert found.p_sign == pytest.approx(1.0)


def test_no_difference_is_no_evidence():
    for nothing in (np.zeros(50), np.empty(0)):
        found = paired_test(nothing, rng=rng())
        assert (found.p_randomization, found.p_sign) == (1.0, 1.0)


def test_a_clear_difference_is_hardly_chance():
    found = paired_test(rng().normal(1.0, 1.0, 200), rng=rng())
    assert found.p_randomization == pytest.approx(1 / 2001)
    assert found.p_sign < 1e-9


def test_it_agrees_with_scipy():
    differences = rng(4).normal(0.15, 1.0, 120)
    theirs = permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=20_000, rng=rng(), vectorized=False
    ).pvalue
    ours = paired_test(differences, rng=rng(), flips=20_000).p_randomization
    assert ours == pytest.approx(theirs, abs=0.015)
    assert ours == pytest.approx(ttest_1samp(differences, 0).pvalue, abs=0.02)


def test_every_swap_of_few_users_counts():
    """Three equal differences: two of eight swaps are as large, so p is 1/4."""
    assert paired_test(np.full(3, 0.3), rng=rng(), flips=20_000).p_randomization == pytest.approx(0.25, abs=0.02)


def test_without_a_difference_one_of_twenty_is_called_one():
    found = [paired_test(rng(seed).normal(0, 1, 40), rng=rng(seed), flips=400) for seed in range(300)]
    assert 0.02 < np.mean([each.p_randomization < 0.05 for each in found]) < 0.09


def test_both_directions_are_the_same_evidence():
    values = rng(3).normal(0.2, 1.0, 60)
    one, other = paired_test(values, rng=rng()), paired_test(-values, rng=rng())
    assert one.p_randomization == other.p_randomization
    assert (one.better, one.worse) == (other.worse, other.better)
