"""Experiments with simulated users, run to their decision: how often it is right, and how soon it comes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.evaluation.experiments.decision import Decision, decide
from recsys.evaluation.experiments.evidence import Evidence, Series, series
from recsys.evaluation.experiments.levels import Levels
from recsys.evaluation.experiments.moments import moments
from recsys.evaluation.experiments.split import split_p_values
from recsys.sites.experiment import Experiment
from recsys.testing.simulated_users import World, simulate


@dataclass(frozen=True)
class Trial:
    """One experiment, looked at every hour until it ended."""

    decision: Decision
    series: Series
    "Of the whole time, also after the decision."
    evidence: Evidence
    look: int
    "At which the decision was made."

    @property
    def seen(self) -> float:
        """How many users had seen the challenger by then."""
        return float(self.evidence.users[self.decision.arm][self.look])

    def covers(self, lift: float) -> bool:
        """Whether the interval of the last look before the end has the true lift, in the look that ended it."""
        return bool(self.series.low[self.look] <= lift <= self.series.high[self.look])


def run(
    experiment: Experiment, world: World, lifts: Sequence[float], *, ramp: bool = False, rng: np.random.Generator
) -> list[Trial]:
    """One trial for each true lift, with users of its own; with ``ramp`` they are let in as the experiment says.

    The experiment must have two arms and be judged by ``ctr``.
    """
    steps = experiment.ramp if ramp else ()
    visits = simulate(world, lifts, ramp=steps, step_hours=experiment.step_hours, rng=rng)
    found = moments(
        visits.user,
        visits.arm,
        visits.look,
        visits.clicks,
        visits.shown,
        visits.before,
        groups=2 * len(lifts),
        looks=world.looks,
    )
    controls, challengers = found.group(slice(0, None, 2)), found.group(slice(1, None, 2))
    all_series = series(experiment, Levels.of(experiment), experiment.metric, controls, challengers)
    users = np.stack([controls.users, challengers.users], axis=1)
    split_p = split_p_values(users, [arm.share for arm in experiment.arms])
    names = [arm.name for arm in experiment.arms]
    trials = []
    for number in range(len(lifts)):
        one = Series(experiment.metric, *(getattr(all_series, name)[number] for name in _ARRAYS))
        evidence = Evidence(
            hours=np.arange(1.0, world.looks + 1),
            users=dict(zip(names, users[number], strict=True)),
            split_p=split_p[number],
            series={names[1]: {experiment.metric: one}},
        )
        trials.append(_until_decided(experiment, evidence, one))
    return trials


_ARRAYS = ("control", "challenger", "lift", "low", "high", "at_least", "at_most")


def _until_decided(experiment: Experiment, evidence: Evidence, one: Series) -> Trial:
    for look in range(len(evidence.hours)):
        (decision,) = decide(experiment, evidence, look=look)
        if decision.outcome != "continue":
            break
    return Trial(decision, one, evidence, look)
