"""An experiment as a page: what was decided and why, every metric with its interval, pictures over time. Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from recsys.evaluation.experiments.charts import lift_chart, users_chart
from recsys.evaluation.experiments.decision import Decision
from recsys.evaluation.experiments.evidence import Evidence, Series
from recsys.evaluation.experiments.levels import Levels
from recsys.evaluation.experiments.metrics import METRICS
from recsys.evaluation.experiments.split import chi_square
from recsys.sites.experiment import Experiment, Metric

PAGE: Final = "report.md"
DPI: Final = 110


def write_report(
    folder: Path,
    experiment: Experiment,
    found: Evidence,
    decisions: Sequence[Decision],
    *,
    start: datetime,
    covered: Mapping[str, float] | None = None,
) -> Path:
    """``report.md`` and its pictures are in the folder, which is made where it is missing; returns the page.

    Args:
        folder: where.
        experiment: whose.
        found: the evidence at every look.
        decisions: those of the last look.
        start: of the first look, UTC.
        covered: share of the catalogue that each arm shows; None: not measured.
    """
    folder.mkdir(parents=True, exist_ok=True)
    users_chart(experiment, found).savefig(folder / "users.png", dpi=DPI)
    for arm, metrics in found.series.items():
        for metric, series in metrics.items():
            chart = lift_chart(found, series, tolerated=_tolerated(experiment, metric))
            chart.savefig(folder / _picture(arm, metric), dpi=DPI)
    page = folder / PAGE
    page.write_text("\n".join(_lines(experiment, found, decisions, start, covered or {})) + "\n", encoding="utf-8")
    return page


def _lines(
    experiment: Experiment,
    found: Evidence,
    decisions: Sequence[Decision],
    start: datetime,
    covered: Mapping[str, float],
) -> Iterator[str]:
    yield f"# Experiment {experiment.id} of {experiment.site}"
    yield f"\nOn {experiment.surface}, from {start:%Y-%m-%d %H:%M} UTC, {found.hours[-1]:,.0f} hours."
    for decision in decisions:
        yield f"\n**{decision.arm}: {decision.outcome}.** {decision.reason}"
    yield "\n## Users\n"
    yield from _split(experiment, found)
    yield "\n![Users](users.png)"
    if covered:
        yield f"\nOf the catalogue are shown, at equally many showings: {_shares(covered)}."
    for arm, metrics in found.series.items():
        yield f"\n## {arm} beside {experiment.control.name}\n"
        sure = 1 - Levels.of(experiment).interval
        yield f"| metric | {experiment.control.name} | {arm} | lift | {sure:.1%}, at any time | judged as |"
        yield "|---|---|---|---|---|---|"
        for series in metrics.values():
            yield _row(experiment, series)
        for metric in metrics:
            yield f"\n![Lift of {metric}]({_picture(arm, metric)})"


def _split(experiment: Experiment, found: Evidence) -> Iterator[str]:
    yield "| arm | release | declared | users | share |\n|---|---|---|---|---|"
    counts = [float(found.users[arm.name][-1]) for arm in experiment.arms]
    for arm, users in zip(experiment.arms, counts, strict=True):
        share = users / sum(counts) if sum(counts) else 0.0
        yield f"| {arm.name} | {arm.release_id or 'live'} | {arm.share:.1%} | {users:,.0f} | {share:.2%} |"
    if sum(counts):
        once = chi_square(counts, [arm.share for arm in experiment.arms])
        yield f"\nSplit as declared: p = {found.split_p[-1]:.3g} at any time ({once:.3g} by chi-square, for one look)."


def _shares(covered: Mapping[str, float]) -> str:
    return ", ".join(f"{arm} {share:.1%}" for arm, share in covered.items())


def _row(experiment: Experiment, series: Series) -> str:
    low, high = series.low[-1], series.high[-1]
    known = bool(np.isfinite(high))
    return (
        f"| {series.metric} | {series.control[-1]:.5g} | {series.challenger[-1]:.5g} | "
        f"{_percent(series.lift[-1])} | {f'{_percent(low)} to {_percent(high)}' if known else 'not known yet'} | "
        f"{_judged_as(experiment, series.metric)} |"
    )


def _judged_as(experiment: Experiment, metric: Metric) -> str:
    if metric == experiment.metric:
        return f"decides; to promote, above {experiment.min_lift:.1%}"
    tolerated = _tolerated(experiment, metric)
    return f"guardrail; tolerated {_percent(tolerated or 0.0)}"


def _tolerated(experiment: Experiment, metric: Metric) -> float | None:
    """The change at which a guardrail breaks; None for what decides."""
    harm = {guardrail.metric: guardrail.max_harm for guardrail in experiment.guardrails}.get(metric)
    return None if harm is None else -METRICS[metric].better * harm


def _percent(fraction: float) -> str:
    return f"{100 * fraction:+.1f} %".replace("-", "−")


def _picture(arm: str, metric: str) -> str:
    return f"lift_{arm}_{metric}.png"
