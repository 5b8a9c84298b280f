"""A predictor that was judged, on its way to be the one that answers: tracked, recorded, published, live."""

import json
from pathlib import Path
from typing import Any, Final

from recsys.releases import files as f
from recsys.releases.identity import code_version
from recsys.releases.predictor_tracking import log_predictor
from recsys.releases.tracking import Tracking
from recsys.serving import lifecycle
from recsys.sites import SiteConfig
from recsys.stages import publish_predictor
from recsys.stages.context import StageContext
from recsys.stages.predictor_report import PredictorReport

BY: Final = "stage train_predictor"


def run(context: StageContext, config: SiteConfig, report: PredictorReport, folder: Path) -> PredictorReport:
    """What the gate decided is carried out; the report, with the run in MLflow and what became of the release.

    One that was released before, byte by byte, stays what it became.

    Args:
        context: stores.
        config: of the site.
        report: of the training, with the decision.
        folder: of the model's files.

    Raises:
        StoreError: a store does not answer.
    """
    report = report.model_copy(update={"mlflow_run_id": _tracked(context, config, report, folder)})
    return report.model_copy(update={"state": _released(context, report, folder)})


def _tracked(context: StageContext, config: SiteConfig, report: PredictorReport, folder: Path) -> str:
    policy = getattr(config.predictors, report.surface)
    return log_predictor(
        Tracking(context.tracking_uri, report.site),
        report.release_id,
        surface=report.surface,
        params={**policy.model_dump(), "as_of": report.as_of, "code_version": code_version()},
        metrics=report.metrics(),
        curves=report.curves(),
        report=report.model_dump(mode="json"),
        folder=folder,
    )


def _released(context: StageContext, report: PredictorReport, folder: Path) -> str:
    """The release is recorded with its files; accepted, it is in Postgres and live. Its state."""
    site, release_id = report.site, report.release_id
    store = f.ReleaseFiles(context.blobs, site, release_id)
    files: dict[str, Any] = store.put_folder(publish_predictor.MODEL, folder)
    described = json.loads(report.model_dump_json(exclude={"state"}))
    store.put_json(f.REPORT, described)
    state = lifecycle.record_release(
        context.dsn,
        site,
        release_id,
        as_of=report.as_of,
        at=context.now(),
        state="gated" if report.decision.accepted else "refused",
        reason=report.decision.reason,
        report=described,
        manifest={"files": files, "model_version": report.model_version, "mlflow_run_id": report.mlflow_run_id},
        surface=report.surface,
        by=BY,
    )
    if state != "gated":
        return state
    publish_predictor.run(site=site, release_id=release_id, by=BY, context=context)
    lifecycle.activate(context.dsn, site, release_id, context.now(), by=BY, reason=report.decision.reason)
    return "live"
