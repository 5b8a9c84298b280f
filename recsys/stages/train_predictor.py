"""A predictor of a site: learned, judged on what came later, logged to MLflow, released where the gate lets it."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import polars as pl

from recsys.errors import NotEnoughData
from recsys.evaluation.drift.reference import Reference
from recsys.predictors.contest import Contest
from recsys.releases import files as f
from recsys.releases.moments import Log
from recsys.serving import lifecycle
from recsys.sites import SiteConfig
from recsys.stages import predictor_contests, publish_predictor, release_predictor, trained_before
from recsys.stages.context import StageContext, open_context
from recsys.stages.predictor_report import Predictor, PredictorReport
from recsys.types import SiteId

Prepare = Callable[[SiteConfig, Log, datetime, Path | None], Contest]
CONTESTS: Final[Mapping[Predictor, Prepare]] = {
    "intent": predictor_contests.of_intent,
    "ctr": predictor_contests.of_ctr,
    "session": predictor_contests.of_session,
}


def run(
    *, site: SiteId, surface: Predictor, as_of: datetime | None = None, context: StageContext | None = None
) -> PredictorReport:
    """Trains one predictor; accepted, it answers from now on. What is judged is what is served.

    The same log, configuration and code give the same release: run again, nothing is trained, and it stays what it
    became.

    Args:
        site: which site.
        surface: intent, ctr or session.
        as_of: exclusive, UTC; by default the end of the log.
        context: stores; by default those of the environment.

    Raises:
        ConfigError: the site does not ask for this predictor.
        TableRefused: the table is not what the site expects; nothing was trained, and what is live stays.
        NotEnoughData: nothing was committed, or nothing succeeded, or everything.
    """
    context = context or open_context()
    config = context.tuned_site(site)
    as_of = as_of or _end(context, site)
    made_of = trained_before.fingerprint(context, config, surface, as_of)
    if (before := trained_before.outcome(context, site, surface, made_of)) is not None:
        return before
    log = read_log(context, config, as_of)
    with tempfile.TemporaryDirectory() as name:
        contest = CONTESTS[surface](config, log, as_of, _live_model(context, site, surface, Path(name) / "live"))
        made = Path(name) / "made"
        version = contest.model.save(made)
        release_id = f"{site}-{surface}-{as_of:%Y%m%dT%H%M}-{version[:8]}"
        decision = contest.decide()
        report = PredictorReport(
            site=site,
            surface=surface,
            release_id=release_id,
            as_of=as_of,
            state="gated" if decision.accepted else "refused",
            decision=decision,
            learned_rows=contest.learned,
            quality=dict(contest.quality()),
            model_version=version,
            mlflow_run_id="",
        )
        if (seen := contest.seen) is not None:
            reference = Reference.of(seen.names, seen.table, seen.said, seen.labels, seen.days)
            store = f.ReleaseFiles(context.blobs, site, release_id)
            store.put_json(f.REFERENCE, reference.model_dump(mode="json"))
        released = release_predictor.run(context, config, report, made)
    trained_before.remember(context, released, made_of)
    return released


def _end(context: StageContext, site: SiteId) -> datetime:
    manifests = context.datasets.manifests(site)
    if not manifests:
        raise NotEnoughData(f"site {site}: found no committed day, expected at least one; ingest events first")
    return manifests[-1].partition.end


def read_log(context: StageContext, config: SiteConfig, as_of: datetime) -> Log:
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
