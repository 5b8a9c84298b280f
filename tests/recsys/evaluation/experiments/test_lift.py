"""Ratios over users: as written out by hand, as the bootstrap says, and as drawn again and again."""

import numpy as np
import pytest

from recsys.evaluation.bootstrap import Resampled
from recsys.evaluation.experiments.lift import log_lift, ratio
from recsys.evaluation.experiments.moments import SUMS, first_time, moments

USER = np.array([0, 0, 0, 1, 2, 2])
LOOK = np.array([0, 0, 2, 1, 0, 1])
GROUP = np.array([0, 0, 0, 0, 1, 1])
CLICKS = np.array([1.0, 0.0, 2.0, 1.0, 0.0, 3.0])
SHOWN = np.array([2.0, 2.0, 4.0, 3.0, 5.0, 5.0])
BEFORE = np.array([7.0, 7.0, 7.0, 2.0, 1.0, 1.0])


def drawn(rng, users=400, lift=0.0):
    """One row per user of two arms: clicks and shown, heavy-tailed, and clicks of the time before."""
    rate, taste = rng.lognormal(0, 1, users), np.minimum(0.1 * rng.lognormal(0, 0.8, users), 0.5)
    arm = np.arange(users) % 2
    shown = 1 + rng.poisson(20 * rate)
    clicks = rng.binomial(shown, taste * (1 + lift * arm))
    return arm, clicks.astype(float), shown.astype(float), rng.poisson(20 * rate * taste).astype(float)


def both_arms(arm, clicks, shown, before=None):
    users = np.arange(len(arm))
    found = moments(users, arm, np.zeros(len(arm), np.int64), clicks, shown, before, groups=2, looks=1)
    return found.group(0), found.group(1)


def test_sums_at_every_look_are_those_of_the_users_so_far():
    found = moments(USER, GROUP, LOOK, CLICKS, SHOWN, BEFORE, groups=2, looks=3)
    for group in (0, 1):
        for look in range(3):
            seen = (look >= LOOK) & (group == GROUP)
            users = np.unique(USER[seen])
            n, d = (np.array([values[seen & (user == USER)].sum() for user in users]) for values in (CLICKS, SHOWN))
            x = np.array([BEFORE[user == USER][0] for user in users])
            by_hand = (len(users), n.sum(), d.sum(), n @ n, n @ d, d @ d, x.sum(), x @ x, x @ n, x @ d)
            assert [float(getattr(found, name)[group, look]) for name in SUMS] == pytest.approx(by_hand)


def test_without_a_denominator_every_user_is_one():
    found = moments(USER, GROUP, LOOK, CLICKS, None, groups=2, looks=3)
    assert found.d.tolist() == found.users.tolist() == [[1, 2, 2], [1, 1, 1]]


def test_what_counts_once_counts_when_it_happened_first():
    assert first_time(USER, CLICKS > 0).tolist() == [1, 0, 0, 1, 0, 1]


def test_nobody_is_no_error():
    nobody = np.zeros(0, np.int64)
    found = moments(nobody, nobody, nobody, np.zeros(0), None, groups=2, looks=2)
    assert np.isnan(ratio(found).value).all()
    assert np.isnan(log_lift(found.group(0), found.group(1)).error).all()


def test_the_delta_method_agrees_with_the_bootstrap():
    rng = np.random.default_rng(1)
    _, clicks, shown, _ = drawn(rng, users=2000)
    one = moments(np.arange(2000), np.zeros(2000, np.int64), np.zeros(2000, np.int64), clicks, shown, groups=1, looks=1)
    resampled = Resampled(np.stack([clicks, shown], axis=1), rng=rng).lift(0, 1)
    found = ratio(one)
    assert found.value[0, 0] == pytest.approx(resampled.mean + 1)
    assert 2 * 1.96 * found.error[0, 0] == pytest.approx(resampled.high - resampled.low, rel=0.1)


def test_errors_are_as_large_as_estimates_scatter():
    """Also after CUPED; events counted as if independent would promise far too much."""
    rng = np.random.default_rng(2)
    plain, adjusted = [], []
    for _ in range(400):
        arms = both_arms(*drawn(rng, lift=0.1))
        for lifts, with_before in ((plain, False), (adjusted, True)):
            lift = log_lift(*arms, adjusted=with_before)
            lifts.append((lift.value[0], lift.error[0]))
    for lifts in (plain, adjusted):
        values, errors = np.array(lifts).T
        assert values.mean() == pytest.approx(np.log(1.1), abs=0.02)
        assert values.std() == pytest.approx(errors.mean(), rel=0.12)


def test_what_was_known_before_takes_variance_away():
    arm, clicks, shown, before = drawn(np.random.default_rng(3), users=4000)
    for denominator, at_most in ((shown, 0.75), (np.ones(4000), 0.3)):
        arms = both_arms(arm, clicks, denominator, before)
        with_before, without = (log_lift(*arms, adjusted=how).error[0] ** 2 for how in (True, False))
        assert with_before < at_most * without


def test_knowledge_of_nothing_changes_nothing():
    arm, clicks, shown, _ = drawn(np.random.default_rng(4))
    lifts = [log_lift(*both_arms(arm, clicks, shown), adjusted=how) for how in (False, True)]
    assert (lifts[0].value, lifts[0].error) == (lifts[1].value, lifts[1].error)


@pytest.mark.parametrize(("usual", "sure"), [(3, True), (0.002, False)])
def test_an_arm_without_anything_is_worse_where_much_was_expected(usual, sure):
    rng = np.random.default_rng(5)
    arm = np.arange(2000) % 2
    lift = log_lift(*both_arms(arm, np.where(arm == 0, rng.poisson(usual, 2000), 0.0), np.ones(2000)))
    assert lift.value[0] < 0
    assert (lift.value[0] / lift.error[0] < -4) == sure
