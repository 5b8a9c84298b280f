"""Judge, decide, publish, activate: what turns a trained ranker into what users see."""

import tempfile
from pathlib import Path

import numpy as np

from recsys.errors import FeatureMismatch
from recsys.evaluation.gate import GateDecision, decide
from recsys.evaluation.report import LIVE, RANKED, EvaluationReport
from recsys.features.feature_set import FeatureSet
from recsys.ranking.ranker import CURVE, Ranker
from recsys.releases import files as f
from recsys.releases.judging import judge
from recsys.releases.manifest import ReleaseManifest
from recsys.releases.moments import EXPLAINED_BY, Log
from recsys.releases.page.findings import findings
from recsys.releases.page.render import render
from recsys.releases.rearranging import reranking
from recsys.releases.slates import recommendations, slates
from recsys.releases.tracking import Tracking
from recsys.serving import lifecycle
from recsys.sites import SiteConfig
from recsys.stages import publish_release
from recsys.stages.change_release import activate
from recsys.stages.context import StageContext, open_context
from recsys.stages.making import making
from recsys.types import Frozen, ReleaseId, SiteId


class ReleaseReport(Frozen):
    """What became of a release."""

    site: SiteId
    release_id: ReleaseId
    accepted: bool
    live: bool
    "False for an accepted release: it is published and waits for someone to approve it."
    reason: str
    "The gate's sentence."
    page: str
    "Address of the training in MLflow, with the report among its artifacts; empty where there is none."
    rows: dict[str, int]
    "Rows in Postgres by file; empty for a refused release."


def run(
    *,
    site: SiteId,
    release_id: ReleaseId | None = None,
    by: str = "stage release_recommendations",
    context: StageContext | None = None,
) -> ReleaseReport:
    """Takes a release through the gate and, when accepted, makes it the live one; safe to run again.

    A refused release keeps its report and its files; the live one stays as it is. So it does when the site wants
    releases to be approved: the accepted one is published and waits.

    Args:
        site: which site.
        release_id: by default the newest release that is being built.
        by: who asked for it, for the audit.
        context: stores; by default those of the environment.

    Raises:
        ReleaseError: no such release, or an earlier stage is missing.
        StoreError: rows in Postgres ≠ rows in the manifest; the live release is untouched.
    """
    context = context or open_context()
    config = context.tuned_site(site)
    release_id = release_id or lifecycle.unfinished_release(context.dsn, site)
    with making(context, site, release_id, by=by):
        return _run(context, config, release_id, by)


def _run(context: StageContext, config: SiteConfig, release_id: ReleaseId, by: str) -> ReleaseReport:
    site = config.site
    store = f.ReleaseFiles(context.blobs, site, release_id)
    manifest = ReleaseManifest.model_validate(store.get_json(f.MANIFEST))
    erased = context.erased(site)
    log = Log.read(context.datasets, config, as_of=manifest.as_of, erased=erased)
    rankers = _rankers(context, site, store)
    judgement = judge(log, store, manifest, rankers)
    decision = decide(judgement.report, config.gate)
    tracking = Tracking(context.tracking_uri, site)
    curve = tracking.curve(manifest.mlflow_run_id, CURVE) if manifest.mlflow_run_id else []
    page = render(findings(log, manifest, judgement, decision, rankers[RANKED], curve=curve, forgotten=erased))
    _record(context, store, manifest, judgement.report, decision, page)
    told = {"site": site, "release_id": release_id, "reason": decision.reason, "page": _page(context, manifest)}
    if not decision.accepted:
        return ReleaseReport(**told, accepted=False, live=False, rows={})
    _rank(log, store, manifest, rankers[RANKED])
    rows = publish_release.run(site=site, release_id=release_id, by=by, context=context)
    if not config.approval.required:
        activate(site=site, release_id=release_id, by=by, reason=decision.reason, context=context)
    return ReleaseReport(**told, accepted=True, live=not config.approval.required, rows=rows)


def _page(context: StageContext, manifest: ReleaseManifest) -> str:
    if not manifest.mlflow_run_id:
        return ""
    return Tracking(context.tracking_uri, manifest.site).page(manifest.mlflow_run_id)


def _rankers(context: StageContext, site: SiteId, store: f.ReleaseFiles) -> dict[str, Ranker]:
    """The release's own, and the live one's where there is one made for the same features."""
    ranker = _load(store)
    incumbent = _incumbent(context, site, ranker.features, except_for=store.release_id)
    return {RANKED: ranker} | ({LIVE: incumbent} if incumbent else {})


def _rank(log: Log, store: f.ReleaseFiles, manifest: ReleaseManifest, ranker: Ranker) -> ReleaseManifest:
    """Adds the ranked slates of every user to the release."""
    site, rows = log.site, store.get_frame(f.CANDIDATES_INFERENCE)
    moment = log.at(manifest.as_of, rng=np.random.default_rng(manifest.seed), specs=[EXPLAINED_BY])
    sources, size = [spec.kind for spec in site.candidates], site.serving.slate_size
    ranked = slates(rows, ranker.score(rows), sources, size, weigh=moment.repeat_weights)
    rerank = reranking(log, moment, seed=manifest.seed)
    shown = rerank(ranked) if rerank else ranked
    frame = recommendations(shown, store.get_frame(f.EXCLUDED), moment.explainer)
    manifest = manifest.with_files({f.RECOMMENDATIONS: store.put_frame(f.RECOMMENDATIONS, frame)})
    store.put_json(f.MANIFEST, manifest.model_dump(mode="json"))
    return manifest


def _record(
    context: StageContext,
    store: f.ReleaseFiles,
    manifest: ReleaseManifest,
    report: EvaluationReport,
    decision: GateDecision,
    page: str,
) -> None:
    """The judgement lies with the release, in Postgres and in MLflow."""
    content = {"decision": decision.model_dump(mode="json"), **report.model_dump(mode="json")}
    store.put_json(f.REPORT, content)
    store.put_bytes(f.PAGE, page.encode())
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
        tracking.log_evaluation(manifest.mlflow_run_id, _flat(report), content, page)
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
