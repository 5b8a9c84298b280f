"""The MLflow run of a predictor's training: how good it is, beside what it had to beat."""

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Any, Final

from recsys.predictors.curves import Curves
from recsys.releases.tracking import RELEASE, Tracking
from recsys.types import ReleaseId

REPORT: Final = "predictor_report.json"


def log_predictor(
    tracking: Tracking,
    release_id: ReleaseId,
    *,
    surface: str,
    params: Mapping[str, Any],
    metrics: Mapping[str, float],
    curves: Curves,
    report: dict[str, Any],
) -> str:
    """One training is a finished run afterwards; its id.

    Args:
        tracking: the site's.
        release_id: names the run; also its tag.
        surface: which predictor; a tag.
        params: hyperparameters, hashes, code version.
        metrics: final values by name.
        curves: the figure of all contestants.
        report: what the gate looked at, as JSON.
    """
    import mlflow

    mlflow.set_tracking_uri(tracking.uri)
    mlflow.set_experiment(tracking.site)
    tags = {RELEASE: release_id, "site": tracking.site, "surface": surface}
    with redirect_stdout(sys.stderr), mlflow.start_run(run_name=release_id, tags=tags) as run:
        mlflow.log_params(dict(params))
        mlflow.log_metrics(dict(metrics))
        mlflow.log_figure(_drawn(curves), f"{curves.name}.png")
        mlflow.log_dict(report, REPORT)
    run_id: str = run.info.run_id
    return run_id


def _drawn(curves: Curves) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    if curves.diagonal:
        highest = max(max(point) for points in curves.lines.values() for point in points)
        axes.plot([0, highest], [0, highest], color="grey", linestyle=":")
    for name, points in curves.lines.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=name)
    axes.set_xlabel(curves.x)
    axes.set_ylabel(curves.y)
    axes.set_title(curves.title)
    axes.legend()
    return figure
