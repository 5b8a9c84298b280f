"""The MLflow run of a predictor's training: how good it is, beside what it had to beat, and the model's files."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Final

from recsys.releases.tracking import RELEASE, Tracking
from recsys.types import ReleaseId

CURVE: Final = "calibration.png"
REPORT: Final = "predictor_report.json"
Point = tuple[float, float]


def log_predictor(
    tracking: Tracking,
    release_id: ReleaseId,
    *,
    surface: str,
    params: Mapping[str, Any],
    metrics: Mapping[str, float],
    curves: Mapping[str, Sequence[Point]],
    report: dict[str, Any],
    folder: Path,
) -> str:
    """One training is a finished run afterwards; its id.

    Args:
        tracking: the site's.
        release_id: names the run; also its tag.
        surface: intent or ctr; a tag.
        params: hyperparameters, hashes, code version.
        metrics: final values by name.
        curves: mean probability and share of successes, bin by bin, by contestant.
        report: what the gate looked at, as JSON.
        folder: of the model's files.
    """
    import mlflow

    mlflow.set_tracking_uri(tracking.uri)
    mlflow.set_experiment(tracking.site)
    tags = {RELEASE: release_id, "site": tracking.site, "surface": surface}
    with redirect_stdout(sys.stderr), mlflow.start_run(run_name=release_id, tags=tags) as run:
        mlflow.log_params(dict(params))
        mlflow.log_metrics(dict(metrics))
        mlflow.log_figure(_calibration_plot(curves), CURVE)
        mlflow.log_dict(report, REPORT)
        mlflow.log_artifacts(str(folder), "model")
    run_id: str = run.info.run_id
    return run_id


def _calibration_plot(curves: Mapping[str, Sequence[Point]]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    highest = max(max(point) for points in curves.values() for point in points)
    axes.plot([0, highest], [0, highest], color="grey", linestyle=":")
    for name, points in curves.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=name)
    axes.set_xlabel("predicted")
    axes.set_ylabel("observed")
    axes.set_title("Calibration on later rows")
    axes.legend()
    return figure
