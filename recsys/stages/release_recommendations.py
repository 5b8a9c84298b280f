"""Judge, decide, publish, activate: what turns a trained ranker into what users see."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from recsys.datasets.manifest import Manifest
from recsys.datasets.splits import cut_windows
from recsys.evaluation.gate import Evidence, GateDecision
from recsys.evaluation.report import EvaluationReport
from recsys.features.feature_set import FeatureSet
from recsys.ranking.ranker import CURVE
from recsys.releases import files as f
from recsys.releases.examination import Examination, examine
from recsys.releases.incumbent import Incumbent, load_ranker
from recsys.releases.lineage import Lineage
from recsys.releases.manifest import ReleaseManifest
from recsys.releases.moments import Log
from recsys.releases.page.findings import findings
from recsys.releases.page.render import render
from recsys.releases.ranker_parts import put_parts
from recsys.releases.tracking import Tracking
from recsys.serving import lifecycle
from recsys.serving.aliases import CHALLENGER, point, registered_models
from recsys.serving.contracts import ReleaseSummary
from recsys.sites import SiteConfig
from recsys.stages import publish_release
from recsys.stages.context import StageContext, open_context
from recsys.stages.going_live import go_live
from recsys.stages.making import making
from recsys.steps import Step
from recsys.types import Frozen, ReleaseId, SiteId

DONE: Final = ("canary", "live", "retired", "refused")
"""States of releases whose judgement is made."""


class ReleaseReport(Frozen):
    """What became of a release."""

    site: SiteId
    release_id: ReleaseId
    accepted: bool
    live: bool
    "False for an accepted release: some users get it first, or it waits until someone approves it."
    reason: str
    "The gate's sentence."
    page: str
    "Address of the training in MLflow, with the report among its artifacts; empty where there is none."
    rows: dict[str, int]
    "Rows in Postgres by file; empty for a refused release."
    steps: tuple[Step, ...] = ()
    "What it cost."


def run(
    *,
    site: SiteId,
    release_id: ReleaseId | None = None,
    by: str = "stage release_recommendations",
    context: StageContext | None = None,
) -> ReleaseReport:
    """Takes a release through the gate and, when accepted, makes it the live one.

    Run again, it finds what was decided and computes nothing; it never brings back a release that was taken off.

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
    context.site(site)
    release_id = release_id or lifecycle.unfinished_release(context.dsn, site)
    release = lifecycle.release_summary(context.dsn, site, release_id)
    if release.state in DONE:
        return _reported_before(context, release)
    with making(context, site, release_id, by=by):
        return _run(context, site, release_id, by)


def _reported_before(context: StageContext, release: ReleaseSummary) -> ReleaseReport:
    """What was decided then, and what became of it since; nothing is computed."""
    store = f.ReleaseFiles(context.blobs, release.site, release.release_id)
    manifest = ReleaseManifest.model_validate(store.get_json(f.MANIFEST))
    decision = store.get_json(f.REPORT)["decision"]
    return ReleaseReport(
        site=release.site,
        release_id=release.release_id,
        accepted=decision["accepted"],
        live=release.state == "live",
        reason=decision["reason"],
        page=_page(context, manifest),
        rows=publish_release.rows_of(manifest) if release.published else {},
    )


def _run(context: StageContext, site: SiteId, release_id: ReleaseId, by: str) -> ReleaseReport:
    store = f.ReleaseFiles(context.blobs, site, release_id)
    manifest = ReleaseManifest.model_validate(store.get_json(f.MANIFEST))
    config, erased = manifest.site_config(), context.erased(site)
    partitions = _as_read_before(context, store)
    log = Log.read(context.datasets, config, as_of=manifest.as_of, erased=erased, partitions=partitions)
    ranker = load_ranker(store)
    incumbent = _incumbent(context, log, manifest, ranker.features)
    with log.steps.measured("judge and rank") as ranked:
        found = examine(log, store, manifest, ranker, incumbent=incumbent, refused=_refused(context, config, manifest))
        ranked.append(found.served.height)
    decision = found.decision
    manifest = manifest.with_files({f.RECOMMENDATIONS: store.put_frame(f.RECOMMENDATIONS, found.served)})
    if decision.accepted:
        manifest = manifest.with_files(put_parts(store, manifest, ranker, found.moment))
    store.put_json(f.MANIFEST, manifest.model_dump(mode="json"))
    tracking = Tracking(context.tracking_uri, site)
    curve = tracking.curve(manifest.mlflow_run_id, CURVE) if manifest.mlflow_run_id else []
    with log.steps.measured("report"):
        page = render(findings(log, manifest, found.judgement, decision, ranker, curve=curve, forgotten=erased))
        _record(context, store, manifest, found, page, by=by)
    told = {"site": site, "release_id": release_id, "reason": decision.reason, "page": _page(context, manifest)}
    if not decision.accepted:
        return ReleaseReport(**told, accepted=False, live=False, rows={}, steps=tuple(log.steps.ended))
    with log.steps.measured("publish") as published:
        rows = publish_release.run(site=site, release_id=release_id, by=by, context=context)
        published.extend(rows.values())
    live = False
    if not context.site(site).approval.required:
        live = go_live(context, site, release_id, by=by, reason=decision.reason)
    return ReleaseReport(**told, accepted=True, live=live, rows=rows, steps=tuple(log.steps.ended))


def _as_read_before(context: StageContext, store: f.ReleaseFiles) -> Sequence[Manifest] | None:
    """The partitions that the candidates were made of; None, for those of now, where some were written again since."""
    lineage = Lineage.model_validate(store.get_json(f.LINEAGE))
    return None if lineage.gone(context.blobs) else lineage.partitions


def _page(context: StageContext, manifest: ReleaseManifest) -> str:
    if not manifest.mlflow_run_id:
        return ""
    return Tracking(context.tracking_uri, manifest.site).page(manifest.mlflow_run_id)


def _refused(context: StageContext, site: SiteConfig, manifest: ReleaseManifest) -> list[str]:
    """Partitions of the last days that were refused when they were ingested last.

    Those that follow count too: a log that ends where the next day was refused is not fresh.
    """
    around = timedelta(days=site.gate.data_days)
    first, before = ((manifest.as_of + way * around).date() for way in (-1, 1))
    return [report.partition for report in context.reports.refused(site.site, first=first, before=before)]


def _record(
    context: StageContext,
    store: f.ReleaseFiles,
    manifest: ReleaseManifest,
    found: Examination,
    page: str,
    *,
    by: str,
) -> None:
    """The judgement lies with the release, in Postgres and in MLflow; in MLflow it names no users."""
    decision, content = found.decision, _told(found.judgement.report, found.evidence, found.decision)
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
        by=by,
    )
    tracking = Tracking(context.tracking_uri, store.site)
    if manifest.mlflow_run_id and manifest.model_version:
        report = found.judgement.report
        told = _told(report, found.evidence.without_users(), decision.without_users())
        tracking.log_evaluation(manifest.mlflow_run_id, _flat(report), told, page)
        point(context.tracking_uri, CHALLENGER, registered_models(store.site, manifest.model_dump()))


def _flat(report: EvaluationReport) -> dict[str, float]:
    return {
        f"{name}_{metric}": value
        for name, found in report.contestants.items()
        for metric, value in found.metrics.items()
    }


def _told(report: EvaluationReport, evidence: Evidence, decision: GateDecision) -> dict[str, Any]:
    parts = {"decision": decision.model_dump(mode="json"), "evidence": evidence.model_dump(mode="json")}
    return {**parts, **report.model_dump(mode="json")}


def _incumbent(context: StageContext, log: Log, manifest: ReleaseManifest, features: FeatureSet) -> Incumbent | None:
    """The live release; None where there is none, or where it is this one."""
    site = log.site
    live = lifecycle.live_release(context.dsn, site.site)
    if live is None or live.release_id == manifest.release_id:
        return None
    window = cut_windows(manifest.as_of, site.windows).evaluation
    store = f.ReleaseFiles(context.blobs, site.site, live.release_id)
    return Incumbent.of(store, features, log, window_start=window.start)
