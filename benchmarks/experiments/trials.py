"""Simulated experiments in tables: equal arms, true lifts, harms."""

from collections.abc import Iterator
from statistics import mean, median

import numpy as np

from recsys.sites.experiment import Arm, Experiment
from recsys.testing.simulated_experiments import Trial, run
from recsys.testing.simulated_users import World

SEED = 7
AT_ONCE = 300_000
"""Users simulated at once; bounds memory."""
TRIED = Experiment(
    id="simulated",
    site="shop",
    arms=(Arm(name="control", share=0.5), Arm(name="challenger", share=0.5)),
    min_hours=72,
    max_hours=14 * 24,
)
CAREFUL = TRIED.model_copy(update={"unproven_share": 0.05})
EQUAL = {
    "3,000 users": World(users=3000),
    "500 users": World(users=500),
    "3,000 users, tails twice as heavy": World(users=3000, spread=1.6, taste=1.3),
    "20,000 users, who come seldom": World(users=20_000, visits=1.5),
}
HOME = World(users=40_000)
UNEQUAL = {
    "lift": ("True lifts", TRIED, (0.02, 0.05, 0.1, 0.2)),
    "harm": ("Harms", TRIED, (-0.05, -0.1, -0.2, -0.3, -0.5)),
    "careful": ("A ramp that waits for proof", CAREFUL, (-0.2, -0.1, -0.05, 0.0, 0.05, 0.1, 0.2)),
}
"""By part: title, experiment, true lifts."""


def measure(part: str, runs: int) -> None:
    """Prints one table."""
    rng = np.random.default_rng(SEED)
    if part == "aa":
        print(f"\n#### Equal arms: {runs:,} experiments each\n")
        print("| users | promoted or aborted | interval has 0 at the end | median half width at the end |")
        print("| --- | --- | --- | --- |")
        for name, world in EQUAL.items():
            found = _trials(world, 0.0, runs, TRIED, ramp=False, rng=rng)
            wrong = mean(trial.decision.outcome != "inconclusive" for trial in found)
            width = median((trial.series.high[-1] - trial.series.low[-1]) / 2 for trial in found)
            print(f"| {name} | {wrong:.1%} | {_covered(found, 0.0):.1%} | {width:.1%} |")
        return
    what, tried, lifts = UNEQUAL[part]
    print(f"\n#### {what}: {runs // 10:,} experiments each, {HOME.users:,} users\n")
    print("| true lift | promoted | aborted | inconclusive | median hours | saw it, mean | most | interval has truth |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for lift in lifts:
        print(_row(lift, _trials(HOME, lift, runs // 10, tried, ramp=True, rng=rng)))


def _trials(
    world: World, lift: float, runs: int, tried: Experiment, *, ramp: bool, rng: np.random.Generator
) -> list[Trial]:
    return [trial for batch in _batches(world, lift, runs, tried, ramp, rng) for trial in batch]


def _batches(
    world: World, lift: float, runs: int, tried: Experiment, ramp: bool, rng: np.random.Generator
) -> Iterator[list[Trial]]:
    at_once = max(1, AT_ONCE // world.users)
    for start in range(0, runs, at_once):
        yield run(tried, world, [lift] * min(at_once, runs - start), ramp=ramp, rng=rng)


def _row(lift: float, found: list[Trial]) -> str:
    ended = [trial.decision.outcome for trial in found]
    shares = " | ".join(f"{ended.count(outcome) / len(ended):.0%}" for outcome in ("promote", "abort", "inconclusive"))
    seen = [trial.seen / HOME.users for trial in found]
    hours = median(trial.decision.hours for trial in found)
    return (
        f"| {lift:+.0%} | {shares} | {hours:.0f} | {mean(seen):.1%} | {max(seen):.1%} | {_covered(found, lift):.1%} |"
    )


def _covered(found: list[Trial], lift: float) -> float:
    return mean(trial.covers(lift) for trial in found)
