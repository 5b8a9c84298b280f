"""What the outcomes say at every look: lifts with their intervals, and whether users are split as declared."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.evaluation.experiments.levels import Levels
from recsys.evaluation.experiments.lift import LogLift, log_lift, ratio
from recsys.evaluation.experiments.metrics import METRICS, Definition
from recsys.evaluation.experiments.moments import Floats, Ints, Moments, first_time, moments
from recsys.evaluation.experiments.sequential import lift_interval
from recsys.evaluation.experiments.split import split_p_values
from recsys.sites.experiment import Experiment, Metric


@dataclass(frozen=True)
class Series:
    """One metric of one challenger beside the control; each array has one value per look, NaN where not known."""

    metric: Metric
    control: Floats
    "The metric itself."
    challenger: Floats
    lift: Floats
    "Relative, as a fraction."
    low: Floats
    high: Floats
    "Ends of the confidence sequence; −1 and infinity while nothing is known."
    at_least: Floats
    at_most: Floats
    "What the lift surely exceeds, and surely stays below, at the level of an abort."

    def measured(self, look: int) -> bool:
        """Whether there was anything to measure in both arms."""
        return not (np.isnan(self.control[look]) or np.isnan(self.challenger[look]))


@dataclass(frozen=True)
class Evidence:
    """Everything a decision is made of, at every look."""

    hours: Floats
    "Since the start, at the end of each look."
    users: Mapping[str, Floats]
    "Seen so far, by arm."
    split_p: Floats
    "Always-valid p-value of the declared shares."
    series: Mapping[str, Mapping[Metric, Series]]
    "By challenger and metric: the one that decides, and the guardrails."


def evidence(
    experiment: Experiment,
    outcomes: pl.DataFrame,
    *,
    start: datetime,
    looks: int,
    every: Literal["1h", "1d"] = "1h",
    before: pl.DataFrame | None = None,
) -> Evidence:
    """What is known at the end of each hour or day of the experiment.

    Args:
        experiment: whose.
        outcomes: schema OUTCOMES, at least as fine as ``every``; what lies before the start, or after the last look, is
            not counted.
        start: beginning of the first look, UTC.
        looks: how many.
        every: how far apart.
        before: user_id, before: something that users did before the start, to take away what differed already in the
            metric that decides (CUPED); users who are not in it did nothing.
    """
    step = timedelta(hours=1) if every == "1h" else timedelta(days=1)
    rows = (
        outcomes.filter(pl.col(c.TIMESTAMP).is_between(start, start + looks * step, closed="left"))
        .sort(c.USER_ID, c.TIMESTAMP)
        .with_columns(((pl.col(c.TIMESTAMP) - start).dt.total_seconds() // int(step.total_seconds())).alias(c.OFFSET))
    )
    names = [arm.name for arm in experiment.arms]
    user = rows[c.USER_ID].rle_id().cast(pl.Int64).to_numpy()
    group = rows[c.ARM].replace_strict({name: at for at, name in enumerate(names)}, return_dtype=pl.Int64).to_numpy()
    look = rows[c.OFFSET].to_numpy()
    known = None
    if before is not None:
        known = rows.join(before, on=c.USER_ID, how="left", maintain_order="left")[c.BEFORE].fill_null(0.0).to_numpy()
    levels = Levels.of(experiment)
    sums: dict[Metric, Moments] = {}
    for metric in (experiment.metric, *(guardrail.metric for guardrail in experiment.guardrails)):
        sums[metric] = metric_moments(
            METRICS[metric],
            rows,
            user,
            group,
            look,
            known if metric == experiment.metric else None,
            groups=len(names),
            looks=looks,
        )
    users = sums[experiment.metric].users
    return Evidence(
        hours=np.arange(1, looks + 1) * step.total_seconds() / 3600,
        users=dict(zip(names, users, strict=True)),
        split_p=split_p_values(users, [arm.share for arm in experiment.arms]),
        series={
            name: {
                metric: series(experiment, levels, metric, found.group(0), found.group(at))
                for metric, found in sums.items()
            }
            for at, name in enumerate(names[1:], 1)
        },
    )


def metric_moments(
    metric: Definition,
    rows: pl.DataFrame,
    user: Ints,
    group: Ints,
    look: Ints,
    covariate: Floats | None,
    *,
    groups: int,
    looks: int,
) -> Moments:
    """A metric's sums; arguments as those of ``moments``, ``rows`` in the same order."""
    numerator = rows[metric.numerator].to_numpy()
    if metric.once:
        numerator = first_time(user, numerator > 0)
    denominator = None if metric.denominator is None else rows[metric.denominator].to_numpy()
    if metric.floor and denominator is not None:
        numerator = numerator + metric.floor * denominator
    return moments(user, group, look, numerator, denominator, covariate, groups=groups, looks=looks)


def series(experiment: Experiment, levels: Levels, metric: Metric, control: Moments, challenger: Moments) -> Series:
    """One metric of a challenger beside the control, at every look; shapes as those of the moments."""
    lift = log_lift(control, challenger)
    enough = np.minimum(control.users, challenger.users) >= experiment.min_users
    judged = LogLift(lift.value, np.where(enough, lift.error, np.nan))
    low, high = lift_interval(judged, expected=experiment.expected_lift, alpha=levels.interval)
    at_least, at_most = lift_interval(judged, expected=experiment.expected_harm, alpha=levels.abort)
    floor = METRICS[metric].floor
    return Series(
        metric,
        ratio(control).value - floor,
        ratio(challenger).value - floor,
        np.expm1(lift.value),
        low,
        high,
        at_least,
        at_most,
    )
