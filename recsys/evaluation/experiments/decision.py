"""What follows from the evidence: promote, abort, continue, or inconclusive, with the sentence why."""

from typing import Literal

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

    In the order of causes: a split that is not what was declared aborts, then a guardrail that surely broke, then a
    metric that surely fell; each at any time once there are ``min_users``. A lift that surely exceeds ``min_lift``
    promotes from ``min_hours`` on. From ``max_hours`` on nothing continues.
    """
    return tuple(_decide(experiment, found, arm.name, look) for arm in experiment.challengers)


def _decide(experiment: Experiment, found: Evidence, arm: str, look: int) -> Decision:
    levels, hours = Levels.of(experiment), float(found.hours[look])

    def so(outcome: Outcome, reason: str) -> Decision:
        return Decision(arm=arm, outcome=outcome, reason=reason, hours=hours)

    if found.split_p[look] < levels.split:
        return so("abort", _split_reason(experiment, found, look))
    for guardrail in experiment.guardrails:
        if (harm := _sure_harm(found.series[arm][guardrail.metric], look)) > guardrail.max_harm:
            sentence = f"{guardrail.metric} became worse by at least {harm:.1%}, tolerated are {guardrail.max_harm:.1%}"
            return so("abort", f"{sentence}; any look counts.")
    primary = found.series[arm][experiment.metric]
    better = METRICS[experiment.metric].better
    interval = f"{primary.low[look]:+.1%} to {primary.high[look]:+.1%}"
    if (harm := _sure_harm(primary, look)) > 0:
        return so("abort", f"{experiment.metric} is worse than {experiment.control.name}'s by at least {harm:.1%}.")
    gain = primary.low[look] if better > 0 else -primary.high[look]
    if gain > experiment.min_lift and hours >= experiment.min_hours:
        return so(
            "promote",
            f"{experiment.metric} differs by {interval} from {experiment.control.name}'s: surely a gain.",
        )
    if hours >= experiment.max_hours:
        return so(
            "inconclusive", f"After {hours:.0f} hours {experiment.metric} differs by {interval}: either is possible."
        )
    fewest = min(float(users[look]) for users in found.users.values())
    if fewest < experiment.min_users:
        return so("continue", f"An arm has {fewest:.0f} users, judged are at least {experiment.min_users}.")
    if gain > experiment.min_lift:
        return so(
            "continue", f"{experiment.metric} differs by {interval}, and {experiment.min_hours} hours are not over."
        )
    return so("continue", f"{experiment.metric} differs by {interval}: not sure yet.")


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
