"""Arms are compared at as many showings."""

import numpy as np
import pytest

from recsys.evaluation.experiments.coverage import coverage
from tests.recsys.evaluation.experiments.test_outcomes import SHOWN, TRIAL, slates


def test_arms_that_show_equally_much_are_counted():
    rows = [("r1", "ann", "fresh-ranker/fresh", "a b c", 0), ("r2", "bob", "fresh-ranker/control", "a a d", 0)]
    assert coverage(TRIAL, slates(*rows, ("r3", "bob", "fresh-ranker/control", "a", 1)), catalogue=10) == {
        "control": pytest.approx(0.2),
        "fresh": pytest.approx(0.3),
    }


def test_an_arm_that_shows_more_is_cut_to_the_other():
    found = coverage(TRIAL, SHOWN, catalogue=10)
    rng = np.random.default_rng(1)
    draws = [len({*rng.permutation(list("abcabd"))[:3]}) / 10 for _ in range(4000)]
    assert found["control"] == pytest.approx(0.3)
    assert found["fresh"] == pytest.approx(np.mean(draws), abs=0.005)


def test_before_every_arm_has_shown_something_nothing_is_compared():
    assert coverage(TRIAL, slates(("r1", "ann", "fresh-ranker/fresh", "a b c", 0)), catalogue=10) == {}
