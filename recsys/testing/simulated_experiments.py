"""Experiments with simulated users, run to their decision: how often it is right, and how soon it comes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.evaluation.experiments.decision import Decision, decide, proven
from recsys.evaluation.experiments.evidence import Evidence, Series, series
from recsys.evaluation.experiments.levels import Levels
from recsys.evaluation.experiments.moments import Floats, moments
from recsys.evaluation.experiments.split import split_p_values
from recsys.sites.experiment import Experiment
from recsys.testing.simulated_users import Visits, World, let_in, simulate


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
    visits = simulate(world, lifts, rng=rng)
    if ramp:
        careful = let_in(visits, experiment.ramp, _starts(experiment, np.full(len(lifts), np.inf)))
        proven_at = np.array(
            [_proven_at(experiment, found) for found in _evidence(experiment, world, careful, len(lifts))]
        )
        visits = let_in(visits, experiment.ramp, _starts(experiment, proven_at))
    return [_until_decided(experiment, found) for found in _evidence(experiment, world, visits, len(lifts))]


def _evidence(experiment: Experiment, world: World, visits: Visits, trials: int) -> list[Evidence]:
    """What each experiment's visits say."""
    found = moments(
        visits.user,
        visits.arm,
        visits.look,
        visits.clicks,
        visits.shown,
        visits.before,
        groups=2 * trials,
        looks=world.looks,
    )
    controls, challengers = found.group(slice(0, None, 2)), found.group(slice(1, None, 2))
    all_series = series(experiment, Levels.of(experiment), experiment.metric, controls, challengers)
    users = np.stack([controls.users, challengers.users], axis=1)
    split_p = split_p_values(users, [arm.share for arm in experiment.arms])
    names = [arm.name for arm in experiment.arms]
    return [
        Evidence(
            hours=np.arange(1.0, world.looks + 1),
            users=dict(zip(names, users[number], strict=True)),
            split_p=split_p[number],
            series={
                names[1]: {
                    experiment.metric: Series(
                        experiment.metric, *(getattr(all_series, name)[number] for name in _ARRAYS)
                    )
                }
            },
        )
        for number in range(trials)
    ]


_ARRAYS = ("control", "challenger", "lift", "low", "high", "at_least", "at_most")


def _proven_at(experiment: Experiment, found: Evidence) -> float:
    """The hour from which on the ramp goes as its time says; infinity: never."""
    sure = (hour for look, hour in enumerate(found.hours) if proven(experiment, found, look=look))
    return float(next(sure, np.inf))


def _starts(experiment: Experiment, proven_at: Floats) -> Floats:
    """The hour at which each step of the ramp begins, shape (experiments, steps)."""
    by_time = np.arange(len(experiment.ramp)) * float(experiment.step_hours)
    careful = np.array(experiment.ramp) <= experiment.unproven_share
    return np.where(careful, by_time, np.maximum(by_time, proven_at[:, None]))


def _until_decided(experiment: Experiment, evidence: Evidence) -> Trial:
    for look in range(len(evidence.hours)):
        (decision,) = decide(experiment, evidence, look=look)
        if decision.outcome != "continue":
            break
    return Trial(decision, evidence.series[decision.arm][experiment.metric], evidence, look)
