"""MLflow: the run of a training, and the registry of each site's ranker.

Artifacts go through the tracking server, which keeps them on S3; a client needs its address alone. MLflow prints where
a run can be seen; that goes to stderr, so that stdout stays the caller's.
"""

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from recsys.types import ReleaseId, SiteId

if TYPE_CHECKING:
    from catboost import CatBoost

TOP_FEATURES_SHOWN = 30
OF_THE_CURVE = 0
"""Time of the points of a curve: they have steps, not times. The final value of the same metric has one."""


@dataclass(frozen=True)
class TrackedModel:
    """Where MLflow keeps a trained ranker."""

    run_id: str
    version: str


@dataclass(frozen=True)
class Tracking:
    """One site's experiment and registered model on an MLflow server."""

    uri: str
    site: SiteId

    @property
    def model_name(self) -> str:
        return f"{self.site}-ranker"

    def log_ranker(
        self,
        *,
        release_id: ReleaseId,
        model: "CatBoost",
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        curve: pl.DataFrame,
        importances: pl.DataFrame,
        documents: Mapping[str, dict[str, Any]],
    ) -> TrackedModel:
        """Logs one training as a finished run and registers its model; an unfinished run of it is closed first.

        Args:
            release_id: names the run; also a tag of the run and of the model version.
            model: a fitted CatBoost model, logged in CatBoost's own format.
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
            mlflow.start_run(run_name=release_id, tags={"release_id": release_id, "site": self.site}) as run,
        ):
            mlflow.log_params(dict(params))
            mlflow.log_metrics({_metric(name): value for name, value in metrics.items()})
            self._log_curve(run.info.run_id, curve)
            for name, content in documents.items():
                mlflow.log_dict(content, name)
            mlflow.log_figure(_importance_plot(importances), "feature_importance.png")
            mlflow.log_dict(dict(importances.iter_rows()), "feature_importance.json")
            logged = mlflow.catboost.log_model(
                model, name="ranker", registered_model_name=self.model_name, pip_requirements=["catboost"]
            )
            version = str(logged.registered_model_version)
            mlflow.MlflowClient().set_model_version_tag(self.model_name, version, "release_id", release_id)
        return TrackedModel(run_id=run.info.run_id, version=version)

    def log_evaluation(self, run_id: str, metrics: Mapping[str, float], report: dict[str, Any], page: str) -> None:
        """Adds what the later window said to the run of the training; ``page`` is the same as HTML, for people."""
        import mlflow

        mlflow.set_tracking_uri(self.uri)
        with redirect_stdout(sys.stderr), mlflow.start_run(run_id=run_id):
            mlflow.log_metrics({_metric(name): value for name, value in metrics.items()})
            mlflow.log_dict(report, "evaluation_report.json")
            mlflow.log_text(page, "report.html")

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

    def point(self, alias: str, version: str) -> None:
        """Moves an alias (``live``, ``challenger``) of the site's ranker to a version."""
        import mlflow

        mlflow.MlflowClient(tracking_uri=self.uri).set_registered_model_alias(self.model_name, alias, version)

    def _close_unfinished(self, experiment_id: str, release_id: ReleaseId) -> None:
        """A run that was killed half-way is marked so, not left running for ever."""
        import mlflow

        client = mlflow.MlflowClient()
        unfinished = f"tags.release_id = '{release_id}' and attributes.status = 'RUNNING'"
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
