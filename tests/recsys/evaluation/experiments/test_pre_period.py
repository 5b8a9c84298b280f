"""Only what came before the start, and only what is measured."""

import pytest

from recsys.evaluation.experiments.pre_period import pre_period
from tests.recsys.evaluation.experiments.test_outcomes import NOON, events

DONE = events(
    ("e1", "ann", "a", "view", -1, None, None),
    ("e1", "ann", "a", "view", -1, None, None),
    ("e2", "ann", "b", "click", -60, None, None),
    ("e3", "ann", "a", "view", 0, None, None),
    ("e4", "bob", "a", "view", -3 * 24 * 60, None, None),
    ("e5", "bob", "a", "purchase", -5, 9.5, None),
    ("e6", "bob", "a", "purchase", -6, None, None),
)


@pytest.mark.parametrize(
    ("metric", "days", "known"),
    [
        ("ctr", 2, [("ann", 2.0)]),
        ("ctr", 3, [("ann", 2.0), ("bob", 1.0)]),
        ("conversion", 2, [("bob", 2.0)]),
        ("revenue", 2, [("bob", 9.5)]),
        ("latency", 2, []),
    ],
)
def test_what_users_did_before_is_what_is_measured(experiment, metric, days, known):
    assert pre_period(experiment(metric=metric), DONE, start=NOON, days=days).collect().rows() == known
