"""Pictures of an experiment: how the lift became known, and how users came in."""

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recsys.evaluation.experiments.evidence import Evidence, Series
from recsys.evaluation.experiments.moments import Floats
from recsys.sites.experiment import Experiment

SIZE: Final = (7.2, 3.4)
WIDEST: Final = 1.0
"""A lift beyond ±100 % is not drawn: so early, nothing is known."""


def lift_chart(found: Evidence, series: Series, *, tolerated: float | None = None) -> Figure:
    """The lift with its confidence sequence at every look.

    Args:
        found: for the hours.
        series: one metric of a challenger.
        tolerated: for a guardrail, the change beyond which it breaks, as a fraction with its sign.
    """
    figure, axes = _axes("Hours since the start", f"Lift of {series.metric} (%)")
    drawn = (series.high - series.low) < 2 * WIDEST
    hours = np.where(drawn, found.hours, np.nan)
    axes.fill_between(hours, 100 * series.low, 100 * series.high, alpha=0.25, linewidth=0, label="Any-time interval")
    axes.plot(hours, 100 * series.lift, linewidth=1.5, label="Estimate")
    axes.axhline(0, color="black", linewidth=0.8)
    if tolerated is not None:
        axes.axhline(100 * tolerated, color="tab:red", linewidth=0.8, linestyle="--", label="Tolerated")
    axes.set_xlim(0, float(found.hours[-1]))
    axes.legend(loc="best", frameon=False, fontsize="small")
    return figure


def users_chart(experiment: Experiment, found: Evidence) -> Figure:
    """Users of every arm seen so far, with the ramp."""
    figure, axes = _axes("Hours since the start", "Users seen so far")
    for name, users in found.users.items():
        axes.plot(found.hours, users, linewidth=1.5, label=name)
    steps = axes.twinx()
    ramp: Floats = np.array([100 * experiment.ramp_at(hour - 1) for hour in found.hours])
    steps.step(found.hours, ramp, where="pre", color="gray", linewidth=0.8, linestyle=":")
    steps.set_ylabel("Ramp (%, dotted)")
    steps.set_ylim(bottom=0)
    axes.set_xlim(0, float(found.hours[-1]))
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower right", frameon=False, fontsize="small")
    return figure


def _axes(x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    return figure, axes
