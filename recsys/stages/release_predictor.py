"""A predictor that was judged, on its way to be the one that answers: tracked, recorded, published, live."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from recsys.errors import UnknownReleaseError
from recsys.releases import files as f
from recsys.releases.identity import code_version
from recsys.releases.predictor_tracking import log_predictor
from recsys.releases.tracking import Tracking
from recsys.serving import lifecycle
from recsys.serving.aliases import CHALLENGER, REGISTERED, point, registered_models
from recsys.sites import SiteConfig
from recsys.stages import publish_predictor
from recsys.stages.context import StageContext
from recsys.stages.going_live import go_live
from recsys.stages.predictor_report import PredictorReport

BY: Final = "stage train_predictor"
RUN: Final = "mlflow_run_id"


def run(context: StageContext, config: SiteConfig, report: PredictorReport, folder: Path) -> PredictorReport:
    """What the gate decided is carried out; the report, with the run in MLflow and what became of the release.

    An accepted one is live, unless the site wants to approve it: then it is published and waits, gated. One that was
    released before, byte by byte, is not registered again, and stays what it became.

    Args:
        context: stores.
        config: of the site.
        report: of the training, with the decision.
        folder: of the model's files.

    Raises:
        StoreError: a store does not answer.
    """
    tracked = _tracked_before(context, report) or _tracked(context, config, report, folder)
    page = Tracking(context.tracking_uri, report.site).page(tracked[RUN])
    report = report.model_copy(update={RUN: tracked[RUN], "page": page})
    return report.model_copy(update={"state": _released(context, config, report, tracked, folder)})


def _tracked_before(context: StageContext, report: PredictorReport) -> dict[str, str] | None:
    """The run and the registered version of the same release, where there is one."""
    try:
        manifest = lifecycle.release_record(context.dsn, report.site, report.release_id)["manifest"]
    except UnknownReleaseError:
        return None
    return {name: manifest[name] for name in (RUN, REGISTERED)} if REGISTERED in manifest else None


def _tracked(context: StageContext, config: SiteConfig, report: PredictorReport, folder: Path) -> dict[str, str]:
    """The training is a run in MLflow, and its model the challenger of the live one."""
    policy = getattr(config.predictors, report.surface)
    tracking = Tracking(context.tracking_uri, report.site)
    run_id = log_predictor(
        tracking,
        report.release_id,
        surface=report.surface,
        params={**policy.model_dump(), "as_of": report.as_of, "code_version": code_version()},
        metrics=report.metrics(),
        curves=report.curves(),
        report=report.model_dump(mode="json"),
    )
    version = tracking.register_predictor(run_id, report.release_id, report.surface, folder)
    tracked = {RUN: run_id, REGISTERED: version}
    point(context.tracking_uri, CHALLENGER, registered_models(report.site, tracked, report.surface))
    return tracked


def _released(
    context: StageContext, config: SiteConfig, report: PredictorReport, tracked: Mapping[str, str], folder: Path
) -> str:
    """The release is recorded with its files; accepted, it is in Postgres and, unless it waits, live. Its state."""
    site, release_id, reason = report.site, report.release_id, report.decision.reason
    store = f.ReleaseFiles(context.blobs, site, release_id)
    files: dict[str, Any] = store.put_folder(publish_predictor.MODEL, folder)
    described = json.loads(report.model_dump_json(exclude={"state", "page", "unchanged"}))
    store.put_json(f.REPORT, described)
    state = lifecycle.record_release(
        context.dsn,
        site,
        release_id,
        as_of=report.as_of,
        at=context.now(),
        state="gated" if report.decision.accepted else "refused",
        reason=reason,
        report=described,
        manifest={"files": files, "model_version": report.model_version, **tracked},
        surface=report.surface,
        by=BY,
    )
    if state != "gated":
        return state
    publish_predictor.run(site=site, release_id=release_id, by=BY, context=context)
    if not config.approval.required:
        go_live(context, site, release_id, by=BY, reason=reason)
    return lifecycle.release_summary(context.dsn, site, release_id).state
