"""MLflow: the run of a training, and the registry of each site's models.

Artifacts go through the tracking server, which keeps them on S3; a client needs its address alone. MLflow prints where
a run can be seen; that goes to stderr, so that stdout stays the caller's.
"""

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import polars as pl

from recsys.releases import registered_predictor, registry
from recsys.serving.aliases import GENERATORS, RANKER, model_name
from recsys.serving.contracts import Surface
from recsys.types import ReleaseId, SiteId

RELEASE: Final = "release_id"
"""Tag of runs and model versions."""
TOP_FEATURES_SHOWN = 30
OF_THE_CURVE = 0
"""Time of the points of a curve: they have steps, not times. The final value of the same metric has one."""


@dataclass(frozen=True)
class TrackedModels:
    """Where MLflow keeps what was trained."""

    run_id: str
    ranker: str
    "Version of ``<site>-ranker``."
    generators: str
    "Version of ``<site>-generators``."


@dataclass(frozen=True)
class Tracking:
    """One site's experiment and registered models on an MLflow server."""

    uri: str
    site: SiteId

    def log_training(
        self,
        *,
        release_id: ReleaseId,
        ranker: Path,
        generators: Path,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        curve: pl.DataFrame,
        importances: pl.DataFrame,
        documents: Mapping[str, dict[str, Any]],
    ) -> TrackedModels:
        """Logs one training as a finished run and registers its models; an unfinished run of it is closed first.

        Args:
            release_id: names the run; also a tag of the run and of the model versions.
            ranker: folder of ``Ranker.save``.
            generators: folder with one folder per generator, as ``candidates.saving.save`` writes them.
            params: hyperparameters, hashes, code version.
            metrics: final values by name.
            curve: one row per iteration, one float column per metric.
            importances: columns feature, importance; most important first.
            documents: JSON artifacts by file name.
        """
        import mlflow

        mlflow.set_tracking_uri(self.uri)
        experiment = mlflow.set_experiment(self.site)
        self._close_unfinished(experiment.experiment_id, release_id)
        with (
            redirect_stdout(sys.stderr),
            mlflow.start_run(run_name=release_id, tags={RELEASE: release_id, "site": self.site}) as run,
        ):
            mlflow.log_params(dict(params))
            mlflow.log_metrics({_metric(name): value for name, value in metrics.items()})
            self._log_curve(run.info.run_id, curve)
            for name, content in documents.items():
                mlflow.log_dict(content, name)
            mlflow.log_figure(_importance_plot(importances), "feature_importance.png")
            mlflow.log_dict(dict(importances.iter_rows()), "feature_importance.json")
            versions = [
                self._register(name, registry, release_id, folder=folder)
                for name, folder in ((RANKER, ranker), (GENERATORS, generators))
            ]
        return TrackedModels(run.info.run_id, *versions)

    def log_evaluation(self, run_id: str, metrics: Mapping[str, float], report: dict[str, Any], page: str) -> None:
        """Adds what the later window said to the run of the training; ``page`` is the same as HTML, for people."""
        import mlflow

        mlflow.set_tracking_uri(self.uri)
        with redirect_stdout(sys.stderr), mlflow.start_run(run_id=run_id):
            mlflow.log_metrics({_metric(name): value for name, value in metrics.items()})
            mlflow.log_dict(report, "evaluation_report.json")
            mlflow.log_text(page, "report.html")

    def log_files(
        self,
        *,
        release_id: ReleaseId,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        artifacts: Sequence[Path],
    ) -> str:
        """A finished run with these files under their own names; returns its id."""
        import mlflow

        mlflow.set_tracking_uri(self.uri)
        mlflow.set_experiment(self.site)
        tags = {RELEASE: release_id, "site": self.site}
        with redirect_stdout(sys.stderr), mlflow.start_run(run_name=f"dvc {release_id}", tags=tags) as run:
            mlflow.log_params(dict(params))
            mlflow.log_metrics({_metric(name): value for name, value in metrics.items()})
            for path in artifacts:
                mlflow.log_artifact(str(path))
        run_id: str = run.info.run_id
        return run_id

    def curve(self, run_id: str, metric: str) -> list[float]:
        """The metric after each tree, as ``log_ranker`` logged it; none where the run has no such curve."""
        import mlflow

        points = mlflow.MlflowClient(tracking_uri=self.uri).get_metric_history(run_id, _metric(metric))
        return [point.value for point in sorted(points, key=lambda each: each.step) if point.timestamp == OF_THE_CURVE]

    def page(self, run_id: str) -> str:
        """Address of the run's artifacts on the server's pages."""
        import mlflow

        run = mlflow.MlflowClient(tracking_uri=self.uri).get_run(run_id)
        return f"{self.uri}/#/experiments/{run.info.experiment_id}/runs/{run_id}/artifacts"

    def register_predictor(self, run_id: str, release_id: ReleaseId, surface: Surface, folder: Path) -> str:
        """The predictor's files in ``folder`` are a version of ``<site>-<surface>``, made by that run; the version."""
        import mlflow

        mlflow.set_tracking_uri(self.uri)
        with redirect_stdout(sys.stderr), mlflow.start_run(run_id=run_id):
            return self._register(surface, registered_predictor, release_id, folder=folder, surface=surface)

    def _register(self, kind: str, flavor: ModuleType, release_id: ReleaseId, **files: Any) -> str:
        from mlflow.models import Model

        name = model_name(self.site, kind)
        tags = {RELEASE: release_id}
        logged = Model.log(None, flavor=flavor, registered_model_name=name, name=kind, tags=tags, **files)
        return str(logged.registered_model_version)

    def _close_unfinished(self, experiment_id: str, release_id: ReleaseId) -> None:
        """A run that was killed half-way is marked so, not left running for ever."""
        import mlflow

        client = mlflow.MlflowClient()
        unfinished = f"tags.{RELEASE} = '{release_id}' and attributes.status = 'RUNNING'"
        for run in client.search_runs([experiment_id], unfinished):
            client.set_terminated(run.info.run_id, status="KILLED")

    def _log_curve(self, run_id: str, curve: pl.DataFrame) -> None:
        import mlflow
        from mlflow.entities import Metric

        points = [
            Metric(_metric(name), value, timestamp=OF_THE_CURVE, step=step)
            for name in curve.columns
            for step, value in enumerate(curve[name])
        ]
        client = mlflow.MlflowClient()
        for start in range(0, len(points), 1000):
            client.log_batch(run_id, metrics=points[start : start + 1000])


def _metric(name: str) -> str:
    """MLflow allows no ``@`` in a metric's name."""
    return name.replace("@", "_at_")


def _importance_plot(importances: pl.DataFrame) -> Any:
    from matplotlib.figure import Figure

    shown = importances.head(TOP_FEATURES_SHOWN).reverse()
    figure = Figure(figsize=(8, 0.28 * shown.height + 1.2), layout="constrained")
    axes = figure.subplots()
    axes.barh(shown.to_series(0).to_list(), shown.to_series(1).to_list())
    axes.set_title("Feature importance (loss change, percent)")
    return figure
