"""A predictor of a site: learned, judged on what came later, logged to MLflow, released where the gate lets it."""

import json
import tempfile
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

import polars as pl
from pydantic import AwareDatetime

from recsys.errors import NotEnoughData
from recsys.predictors.gate import Decision, decide
from recsys.predictors.quality import ProbabilityQuality, probability_quality
from recsys.releases import files as f
from recsys.releases.identity import code_version
from recsys.releases.moments import Log
from recsys.releases.predictor_tracking import log_predictor
from recsys.releases.tracking import Tracking
from recsys.serving import lifecycle
from recsys.sites import SiteConfig
from recsys.stages import predictor_contests, publish_predictor
from recsys.stages.context import StageContext, open_context
from recsys.types import Frozen, ReleaseId, SiteId

Predictor = Literal["intent", "ctr"]
BY: Final = "stage train_predictor"
CONTESTS: Final = {"intent": predictor_contests.of_intent, "ctr": predictor_contests.of_ctr}


class PredictorReport(Frozen):
    """What was trained, and what became of it."""

    site: SiteId
    surface: Predictor
    release_id: ReleaseId
    as_of: AwareDatetime
    state: str
    "live, or refused; retired where the same model was live before and another is now."
    decision: Decision
    learned_rows: int
    quality: dict[str, ProbabilityQuality]
    "By contestant, on the same later rows."
    model_version: str
    mlflow_run_id: str


def run(
    *, site: SiteId, surface: Predictor, as_of: datetime | None = None, context: StageContext | None = None
) -> PredictorReport:
    """Trains one predictor; accepted, it answers from now on. What is judged is what is served.

    The same log, configuration and code give the same release; run again, it stays what it became.

    Args:
        site: which site.
        surface: intent or ctr.
        as_of: exclusive, UTC; by default the end of the log.
        context: stores; by default those of the environment.

    Raises:
        ConfigError: the site does not ask for this predictor.
        TableRefused: the table is not what the site expects; nothing was trained, and what is live stays.
        NotEnoughData: nothing was committed, or nothing succeeded, or everything.
    """
    context = context or open_context()
    config = context.site(site)
    as_of = as_of or _end(context, site)
    log = _log(context, config, as_of)
    with tempfile.TemporaryDirectory() as name:
        contest = CONTESTS[surface](config, log, as_of, _live_model(context, site, surface, Path(name) / "live"))
        made = Path(name) / "made"
        version = contest.model.save(made)
        release_id = f"{site}-{surface}-{as_of:%Y%m%dT%H%M}-{version[:8]}"
        decision = decide(contest.labels, contest.said, contest.groups)
        threshold = contest.model.scorer.threshold
        report = PredictorReport(
            site=site,
            surface=surface,
            release_id=release_id,
            as_of=as_of,
            state="gated" if decision.accepted else "refused",
            decision=decision,
            learned_rows=contest.learned,
            quality={
                each: probability_quality(contest.labels, said, threshold=threshold)
                for each, said in contest.said.items()
            },
            model_version=version,
            mlflow_run_id="",
        )
        run_id = _tracked(context, config, report, made)
        report = report.model_copy(update={"mlflow_run_id": run_id})
        return report.model_copy(update={"state": _released(context, report, made)})


def _end(context: StageContext, site: SiteId) -> datetime:
    manifests = context.datasets.manifests(site)
    if not manifests:
        raise NotEnoughData(f"site {site}: found no committed day, expected at least one; ingest events first")
    return manifests[-1].partition.end


def _log(context: StageContext, config: SiteConfig, as_of: datetime) -> Log:
    """The event log, and, where clicks are learned from the site's own impressions, what the web service showed."""
    log = Log.read(context.datasets, config, as_of=as_of, erased=context.erased(config.site))
    policy = config.predictors.ctr
    if policy is None or policy.path is not None:
        return log
    shown = context.impressions(config.site, as_of - timedelta(days=policy.history_days), as_of)
    return replace(log, impressions=pl.concat([log.impressions, shown]))


def _live_model(context: StageContext, site: SiteId, surface: Predictor, folder: Path) -> Path | None:
    """The files of the model that is live, brought into ``folder``; None: none is."""
    live = lifecycle.live_release(context.dsn, site, surface)
    if live is None:
        return None
    f.ReleaseFiles(context.blobs, site, live.release_id).get_folder(publish_predictor.MODEL, folder)
    return folder


def _tracked(context: StageContext, config: SiteConfig, report: PredictorReport, folder: Path) -> str:
    policy = getattr(config.predictors, report.surface)
    metrics = {
        f"{name.replace(' ', '_')}.{metric}": value
        for name, quality in report.quality.items()
        for metric, value in quality.model_dump(exclude={"curve"}).items()
        if value is not None
    }
    return log_predictor(
        Tracking(context.tracking_uri, report.site),
        report.release_id,
        surface=report.surface,
        params={**policy.model_dump(), "as_of": report.as_of, "code_version": code_version()},
        metrics=metrics,
        curves={name: [(each.predicted, each.observed) for each in of.curve] for name, of in report.quality.items()},
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
