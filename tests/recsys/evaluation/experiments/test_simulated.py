"""Whole experiments with simulated users, looked at every hour; the benchmark has more of them."""

import numpy as np
import pytest

from recsys.evaluation.experiments.decision import Outcome
from recsys.testing.simulated_experiments import Trial, run
from recsys.testing.simulated_users import World, let_in, simulate


def outcomes_of(trials: list[Trial]) -> list[Outcome]:
    return [trial.decision.outcome for trial in trials]


def test_equal_arms_end_inconclusive(experiment):
    """50 of them: more than 6 that do not would be a chance of 1 in 100 at 5 %."""
    tried = experiment(min_hours=24, max_hours=14 * 24)
    trials = run(tried, World(users=2000), [0.0] * 50, rng=np.random.default_rng(1))
    assert outcomes_of(trials).count("inconclusive") >= 44
    assert np.mean([trial.covers(0.0) for trial in trials]) >= 0.93


def test_a_true_lift_is_promoted_and_a_harm_aborted_before_a_tenth_saw_it(experiment):
    tried, world = experiment(min_hours=72, max_hours=14 * 24), World(users=20_000)
    better = run(tried, world, [0.2] * 5, rng=np.random.default_rng(2))
    assert outcomes_of(better) == ["promote"] * 5
    harmful = run(tried, world, [-0.3] * 5, ramp=True, rng=np.random.default_rng(3))
    assert outcomes_of(harmful) == ["abort"] * 5
    assert max(trial.seen for trial in harmful) < 0.1 * world.users
    assert np.mean([trial.covers(0.2) for trial in better] + [trial.covers(-0.3) for trial in harmful]) >= 0.9


def test_a_ramp_that_waits_for_proof_shows_no_harm_to_more(experiment):
    """By time alone, a harm of a tenth is seen by many before it is sure; the better arm goes on all the same."""
    by_time = experiment(min_hours=72, max_hours=14 * 24)
    careful = by_time.model_copy(update={"unproven_share": 0.05})
    world = World(users=20_000)
    seen = {
        tried.unproven_share: [
            trial.seen / world.users for trial in run(tried, world, [-0.1] * 5, ramp=True, rng=np.random.default_rng(6))
        ]
        for tried in (by_time, careful)
    }
    assert max(seen[1.0]) > 0.1
    assert max(seen[0.05]) <= 0.06
    better = run(careful, world, [0.3] * 5, ramp=True, rng=np.random.default_rng(7))
    assert outcomes_of(better) == ["promote"] * 5


def test_simulated_users_are_as_the_world_says():
    world = World(users=20_000)
    visits = simulate(world, [0.5], rng=np.random.default_rng(4))
    count = np.bincount(visits.user)
    assert count.mean() == pytest.approx(world.visits, rel=0.1)
    assert count.max() > 10 * world.visits
    rates = [visits.clicks[visits.arm == arm].mean() for arm in (0, 1)]
    assert rates[1] / rates[0] == pytest.approx(1.5, abs=0.05)
    at_night = np.isin(visits.look % 24, range(6)).mean()
    assert 0 < at_night < 0.1


def test_a_ramp_lets_users_in_step_by_step():
    world = World(users=20_000)
    everybody = simulate(world, [0.0], rng=np.random.default_rng(5))
    visits = let_in(everybody, (0.05, 0.25), np.array([[0.0, 48.0]]))
    for until, share in ((48, 0.05), (world.looks, 0.25)):
        early = visits.look < until
        seen = np.unique(visits.user[early & (visits.arm == 1)]).size / world.users
        assert seen <= share * 1.05
    assert seen > 0.2
