"""Estimates against a truth that is known, since the rewards were drawn from it."""

import numpy as np
import pytest

from recsys.errors import DataError
from recsys.evaluation.experiments.off_policy import Logged, RewardModel, off_policy

ACTIONS, ROUNDS = 5, 2000
EARNS = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
LOGGING = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
TARGET = np.array([0.05, 0.1, 0.2, 0.3, 0.35])
TRUE = float(EARNS @ TARGET)


def log(rng, rounds=ROUNDS) -> tuple[Logged, np.ndarray]:
    action = rng.choice(ACTIONS, rounds, p=LOGGING)
    reward = (rng.random(rounds) < EARNS[action]).astype(float)
    return Logged(reward, LOGGING[action], TARGET[action], np.arange(rounds) // 4), action


def estimates(seed: int, wrong: float = 0.0, **more) -> dict:
    rng = np.random.default_rng(seed)
    logged, action = log(rng)
    expected = EARNS + wrong
    model = RewardModel(expected[action], np.full(len(action), expected @ TARGET))
    return off_policy(logged, model, rng=rng, **more)


def test_estimates_are_near_the_truth_and_their_intervals_have_it():
    runs = [estimates(seed) for seed in range(20)]
    naive = float(EARNS @ LOGGING)
    for name in ("ips", "snips", "dr"):
        found = [run[name].interval for run in runs]
        assert np.mean([each.mean for each in found]) == pytest.approx(TRUE, abs=0.01)
        assert np.mean([each.low <= TRUE <= each.high for each in found]) >= 0.85
        assert all(each.low > naive for each in found)


def test_a_good_model_makes_it_surer_and_a_wrong_one_does_not_mislead():
    good, wrong = ([estimates(seed, by) for seed in range(8)] for by in (0.0, 0.5))
    for runs in (good, wrong):
        assert np.mean([run["dr"].interval.mean for run in runs]) == pytest.approx(TRUE, abs=0.025)
    dr, ips = ([run[name].interval for run in good] for name in ("dr", "ips"))
    assert sum(each.high - each.low for each in dr) < 0.95 * sum(each.high - each.low for each in ips)


def test_clipping_and_the_effective_sample_are_told():
    whole, cut = estimates(1)["ips"], estimates(1, clip=2.0)["ips"]
    assert (whole.clipped, 0 < cut.clipped < 0.3) == (0.0, True)
    weight = TARGET / LOGGING
    assert whole.effective == pytest.approx(ROUNDS / (LOGGING @ weight**2), rel=0.1)
    assert cut.effective > whole.effective
    assert cut.interval.mean < whole.interval.mean


def test_a_policy_that_is_the_logging_one_earns_what_was_logged():
    logged, _ = log(np.random.default_rng(2))
    itself = Logged(logged.reward, logged.propensity, logged.propensity, logged.unit)
    same = off_policy(itself, rng=np.random.default_rng(3))
    assert same["ips"].interval.mean == same["snips"].interval.mean == pytest.approx(logged.reward.mean())
    assert same["ips"].effective == pytest.approx(ROUNDS)


def test_rounds_of_one_user_are_not_independent():
    logged, _ = log(np.random.default_rng(4), rounds=500)
    ten = Logged(*(np.repeat(getattr(logged, name), 10) for name in ("reward", "propensity", "target", "unit")))
    alone = Logged(ten.reward, ten.propensity, ten.target, np.arange(5000))
    widths = []
    for each in (logged, ten, alone):
        found = off_policy(each, rng=np.random.default_rng(5))["ips"].interval
        widths.append(found.high - found.low)
    assert widths[1] == pytest.approx(widths[0], rel=0.1)
    assert widths[2] < 0.5 * widths[0]


def test_a_log_without_propensities_is_refused():
    one = np.ones(1)
    with pytest.raises(DataError, match="found 1 rounds, propensities from 0 to 0; expected"):
        off_policy(Logged(one, 0 * one, one, np.zeros(1, np.int64)), rng=np.random.default_rng(0))
