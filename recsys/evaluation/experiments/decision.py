"""What follows from the evidence: promote, abort, continue, or inconclusive, with the sentence why."""

from typing import Literal

import numpy as np

from recsys.evaluation.experiments.evidence import Evidence, Series
from recsys.evaluation.experiments.levels import Levels
from recsys.evaluation.experiments.metrics import METRICS
from recsys.sites.experiment import Experiment
from recsys.types import Frozen

Outcome = Literal["promote", "abort", "continue", "inconclusive"]


class Decision(Frozen):
    """What to do with one challenger, as of one look."""

    arm: str
    outcome: Outcome
    reason: str
    "One sentence, for a person."
    hours: float
    "Since the start."


def decide(experiment: Experiment, found: Evidence, *, look: int = -1) -> tuple[Decision, ...]:
    """One decision for each challenger, in their order, as of one look; the last, unless told.

    In the order of causes, at any time: a split that is not what was declared aborts, then a guardrail that surely
    broke, then a metric that surely fell by more than a negative ``min_lift`` allows. A lift that surely exceeds
    ``min_lift`` promotes from ``min_hours`` on, if every guardrail was measured. Nothing goes on at ``max_hours``.
    """
    return tuple(_decide(experiment, found, arm.name, look) for arm in experiment.challengers)


def proven(experiment: Experiment, found: Evidence, *, look: int = -1) -> bool:
    """Whether every challenger is surely not worse by ``unproven_harm``: the ramp may go on as its time says."""
    metric = experiment.metric
    return all(_sure_gain(of[metric], look) > -experiment.unproven_harm for of in found.series.values())


def _decide(experiment: Experiment, found: Evidence, arm: str, look: int) -> Decision:
    hours = float(found.hours[look])
    if reason := _harm(experiment, found, arm, look):
        return Decision(arm=arm, outcome="abort", reason=reason, hours=hours)
    waits = _waits_for(experiment, found, arm, look)
    told = _difference(experiment, found.series[arm][experiment.metric], look)
    if not waits:
        reason = f"{told}, surely more than {experiment.min_lift:+.1%}."
        return Decision(arm=arm, outcome="promote", reason=reason, hours=hours)
    over = hours >= experiment.max_hours
    reason = f"{told}{f' after {hours:.0f} hours' if over else ''}: {waits}."
    return Decision(arm=arm, outcome="inconclusive" if over else "continue", reason=reason, hours=hours)


def _harm(experiment: Experiment, found: Evidence, arm: str, look: int) -> str:
    """Why the experiment must not go on; empty where it may."""
    if found.split_p[look] < Levels.of(experiment).split:
        return _split_reason(experiment, found, look)
    for guardrail in experiment.guardrails:
        if (harm := _sure_harm(found.series[arm][guardrail.metric], look)) > guardrail.max_harm:
            return f"{guardrail.metric} became worse by at least {harm:.1%}, tolerated are {guardrail.max_harm:.1%}."
    harm = _sure_harm(found.series[arm][experiment.metric], look)
    if harm > max(0.0, -experiment.min_lift):
        return f"{experiment.metric} is worse than {experiment.control.name}'s by at least {harm:.1%}."
    return ""


def _waits_for(experiment: Experiment, found: Evidence, arm: str, look: int) -> str:
    """What a promotion still lacks; empty where nothing."""
    fewest = min(float(users[look]) for users in found.users.values())
    if fewest < experiment.min_users:
        return f"an arm has {fewest:.0f} users, judged are at least {experiment.min_users}"
    if not _sure_gain(found.series[arm][experiment.metric], look) > experiment.min_lift:
        return f"not surely more than {experiment.min_lift:+.1%}"
    if found.hours[look] < experiment.min_hours:
        return f"{experiment.min_hours} hours are not over"
    unknown = [each.metric for each in experiment.guardrails if not found.series[arm][each.metric].measured(look)]
    return f"nothing was measured of {', '.join(unknown)}, which must not become worse" if unknown else ""


def _difference(experiment: Experiment, primary: Series, look: int) -> str:
    low, high = primary.low[look], primary.high[look]
    if not np.isfinite(high):
        return f"How {experiment.metric} differs from {experiment.control.name}'s is not known yet"
    return f"{experiment.metric} differs from {experiment.control.name}'s by {low:+.1%} to {high:+.1%}"


def _sure_gain(series: Series, look: int) -> float:
    """What the metric is surely better by, as a fraction; below 0: it may be worse by as much."""
    return float(series.low[look] if METRICS[series.metric].better > 0 else -series.high[look])


def _sure_harm(series: Series, look: int) -> float:
    """By how much the metric is surely worse, as a fraction; 0 or less: not surely."""
    if METRICS[series.metric].better > 0:
        return -float(series.at_most[look])
    return float(series.at_least[look])


def _split_reason(experiment: Experiment, found: Evidence, look: int) -> str:
    counts = ", ".join(f"{arm.name} {found.users[arm.name][look]:,.0f} ({arm.share:.0%})" for arm in experiment.arms)
    return (
        f"Users are not split as declared: {counts}, p = {found.split_p[look]:.2g}; "
        "look for what loses users of one arm, no figure can be trusted."
    )
