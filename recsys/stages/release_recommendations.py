"""Judge, decide, publish, activate: what turns a trained ranker into what users see."""

import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.datasets.splits import cut_windows
from recsys.errors import FeatureMismatch
from recsys.evaluation.gate import GateDecision, decide
from recsys.evaluation.report import LIVE, RANKED, EvaluationReport, evaluate
from recsys.features.feature_set import FeatureSet
from recsys.ranking.ranker import Ranker
from recsys.releases import files as f
from recsys.releases.manifest import ReleaseManifest
from recsys.releases.moments import EXPLAINED_BY, Log
from recsys.releases.slates import contestants, recommendations, slates
from recsys.releases.tracking import Tracking
from recsys.serving import lifecycle
from recsys.serving.publishing import publish
from recsys.sites import SiteConfig
from recsys.stages.change_release import activate
from recsys.stages.context import StageContext, open_context
from recsys.types import Frozen, ReleaseId, SiteId


class ReleaseReport(Frozen):
    """What became of a release."""

    site: SiteId
    release_id: ReleaseId
    accepted: bool
    reason: str
    "The gate's sentence."
    rows: dict[str, int]
    "Rows in Postgres by file; empty for a refused release."


def run(*, site: SiteId, release_id: ReleaseId | None = None, context: StageContext | None = None) -> ReleaseReport:
    """Takes a release through the gate and, when accepted, makes it the live one; safe to run again.

    A refused release keeps its report and its files; the live one stays as it is.

    Args:
        site: which site.
        release_id: by default the newest release that is being built.
        context: stores; by default those of the environment.

    Raises:
        ReleaseError: no such release, or an earlier stage is missing.
        StoreError: rows in Postgres ≠ rows in the manifest; the live release is untouched.
    """
    context = context or open_context()
    config = context.site(site)
    release_id = release_id or lifecycle.unfinished_release(context.dsn, site)
    store = f.ReleaseFiles(context.blobs, site, release_id)
    manifest = ReleaseManifest.model_validate(store.get_json(f.MANIFEST))
    ranker = _load(store)
    report = _judge(context, config, store, manifest, ranker)
    decision = decide(report, config.gate)
    _record(context, store, manifest, report, decision)
    if not decision.accepted:
        return ReleaseReport(site=site, release_id=release_id, accepted=False, reason=decision.reason, rows={})
    manifest = _rank(context, config, store, manifest, ranker)
    folder = context.settings.recsys_exchange_dir / site
    store.export(folder)
    expected = {name: manifest.files[name].rows or 0 for name in f.SERVED}
    rows = publish(context.dsn, site, release_id, folder, expected)
    activate(site=site, release_id=release_id, context=context)
    return ReleaseReport(site=site, release_id=release_id, accepted=True, reason=decision.reason, rows=rows)


def _judge(
    context: StageContext, config: SiteConfig, store: f.ReleaseFiles, manifest: ReleaseManifest, ranker: Ranker
) -> EvaluationReport:
    """How the release does on its evaluation window, on candidates that knew nothing of it."""
    rows = store.get_frame(f.CANDIDATES_EVALUATION)
    incumbent = _incumbent(context, config.site, ranker.features, except_for=store.release_id)
    rankers = {RANKED: ranker} | ({LIVE: incumbent} if incumbent else {})
    window = cut_windows(manifest.as_of, config.windows).evaluation
    return evaluate(
        contestants(rows, rankers, [spec.kind for spec in config.candidates]),
        store.get_frame(f.TRUTH),
        warm_users=rows.filter(pl.col(c.USER_EVENTS).is_not_null())[c.USER_ID].unique().to_list(),
        catalogue=store.get_frame(f.ITEMS).height,
        window=(window.start, window.end),
        rng=np.random.default_rng(manifest.seed),
    )


def _rank(
    context: StageContext, config: SiteConfig, store: f.ReleaseFiles, manifest: ReleaseManifest, ranker: Ranker
) -> ReleaseManifest:
    """Adds the ranked slates of every user to the release."""
    rows = store.get_frame(f.CANDIDATES_INFERENCE)
    ranked = slates(rows, ranker.score(rows), [spec.kind for spec in config.candidates], config.serving.slate_size)
    log = Log.read(context.datasets, config, as_of=manifest.as_of, erased=context.erased(config.site))
    moment = log.at(manifest.as_of, rng=np.random.default_rng(manifest.seed), specs=[EXPLAINED_BY])
    frame = recommendations(ranked, store.get_frame(f.EXCLUDED), moment.explainer)
    manifest = manifest.with_files({f.RECOMMENDATIONS: store.put_frame(f.RECOMMENDATIONS, frame)})
    store.put_json(f.MANIFEST, manifest.model_dump(mode="json"))
    return manifest


def _record(
    context: StageContext,
    store: f.ReleaseFiles,
    manifest: ReleaseManifest,
    report: EvaluationReport,
    decision: GateDecision,
) -> None:
    """The judgement lies with the release, in Postgres and in MLflow."""
    content = {"decision": decision.model_dump(mode="json"), **report.model_dump(mode="json")}
    store.put_json(f.REPORT, content)
    lifecycle.record_release(
        context.dsn,
        store.site,
        store.release_id,
        as_of=manifest.as_of,
        at=context.now(),
        state="gated" if decision.accepted else "refused",
        reason=decision.reason,
        report=content,
        manifest=manifest.model_dump(mode="json"),
    )
    tracking = Tracking(context.tracking_uri, store.site)
    if manifest.mlflow_run_id and manifest.model_version:
        tracking.log_evaluation(manifest.mlflow_run_id, _flat(report), content)
        tracking.point("challenger", manifest.model_version)


def _flat(report: EvaluationReport) -> dict[str, float]:
    return {
        f"{name}_{metric}": value
        for name, found in report.contestants.items()
        for metric, value in found.metrics.items()
    }


def _load(store: f.ReleaseFiles) -> Ranker:
    with tempfile.TemporaryDirectory() as folder:
        for name in (f.CATBOOST_MODEL, f.RANKER):
            (Path(folder) / name).write_bytes(store.get_bytes(name))
        return Ranker.load(Path(folder))


def _incumbent(context: StageContext, site: SiteId, features: FeatureSet, *, except_for: ReleaseId) -> Ranker | None:
    """The live release's ranker; None where there is none, or where it was made for other features."""
    live = lifecycle.live_release(context.dsn, site)
    if live is None or live.release_id == except_for:
        return None
    ranker = _load(f.ReleaseFiles(context.blobs, site, live.release_id))
    try:
        features.require(ranker.features)
    except FeatureMismatch:
        return None
    return ranker
