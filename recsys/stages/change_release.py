"""What an operator may do to a site's releases: look, compare, activate, roll back, retire."""

from typing import Any

from recsys.errors import ReleaseError
from recsys.releases import files as f
from recsys.releases.lineage import described
from recsys.serving import lifecycle, publishing
from recsys.serving.aliases import follow
from recsys.serving.audit import LIBRARY, changes
from recsys.serving.comparing import difference
from recsys.serving.contracts import (
    RECOMMENDATIONS,
    LiveRelease,
    ReleaseChanges,
    ReleaseDifference,
    ReleaseSummary,
    Surface,
)
from recsys.stages import publish_predictor, publish_release
from recsys.stages.context import StageContext, open_context
from recsys.types import ReleaseId, SiteId


def listed(
    *, site: SiteId, surface: Surface | None = None, context: StageContext | None = None
) -> list[ReleaseSummary]:
    """The site's releases, of one surface or of all, newest first. Raises UnknownSiteError."""
    context = context or open_context()
    context.site(site)
    return lifecycle.releases(context.dsn, site, surface=surface)


def shown(*, site: SiteId, release_id: ReleaseId, context: StageContext | None = None) -> dict[str, Any]:
    """Where a release came from and how it was judged: summary, manifest, lineage, ranker, report."""
    context = context or open_context()
    context.site(site)
    record = lifecycle.release_record(context.dsn, site, release_id)
    return {**record, **described(f.ReleaseFiles(context.blobs, site, release_id))}


def judged(*, site: SiteId, context: StageContext | None = None) -> dict[str, Any]:
    """The evaluation report of the newest release that was judged, with its ``release_id``, as JSON values.

    Raises:
        ReleaseError: none was.
    """
    context = context or open_context()
    context.site(site)
    for release in lifecycle.releases(context.dsn, site, surface=RECOMMENDATIONS):
        store = f.ReleaseFiles(context.blobs, site, release.release_id)
        if store.has(f.REPORT):
            return {"release_id": release.release_id, **store.get_json(f.REPORT)}
    raise ReleaseError(f"site {site}: found no release that was judged; run its stages or its DAGs first")


def activate(
    *,
    site: SiteId,
    release_id: ReleaseId,
    by: str = LIBRARY,
    reason: str = "",
    context: StageContext | None = None,
) -> LiveRelease:
    """Makes a release the live one; one whose rows were dropped is published again first.

    Raises:
        ReleaseError: it was refused, it is not finished, or its files are gone as well.
    """
    context = context or open_context()
    release = _find(context, site, release_id)
    if not release.published:
        publish = publish_release if release.surface == RECOMMENDATIONS else publish_predictor
        publish.run(site=site, release_id=release_id, by=by, context=context)
    live = lifecycle.activate(context.dsn, site, release_id, context.now(), by=by, reason=reason)
    follow(context.dsn, context.tracking_uri, live)
    return live


def roll_back(
    *,
    site: SiteId,
    surface: Surface = RECOMMENDATIONS,
    by: str = LIBRARY,
    reason: str = "",
    context: StageContext | None = None,
) -> LiveRelease:
    """Makes the release before the live one of its surface live again. Raises ReleaseError when there is none."""
    context = context or open_context()
    context.site(site)
    live = lifecycle.rollback(context.dsn, site, context.now(), surface=surface, by=by, reason=reason)
    follow(context.dsn, context.tracking_uri, live)
    return live


def start_canary(
    *,
    site: SiteId,
    release_id: ReleaseId,
    by: str = LIBRARY,
    reason: str = "",
    context: StageContext | None = None,
) -> ReleaseSummary:
    """A gated, published release may answer a share of the requests; its rows are kept. Raises ReleaseError."""
    context = context or open_context()
    lifecycle.start_canary(context.dsn, site, release_id, by=by, reason=reason)
    return _find(context, site, release_id)


def retire(
    *,
    site: SiteId,
    release_id: ReleaseId,
    by: str = LIBRARY,
    reason: str = "",
    context: StageContext | None = None,
) -> ReleaseSummary:
    """Drops a release's rows from Postgres; never those of the live one nor of the one before it."""
    context = context or open_context()
    _find(context, site, release_id)
    publishing.retire(context.dsn, site, release_id, by=by, reason=reason)
    return _find(context, site, release_id)


def compared(
    *, site: SiteId, release_id: ReleaseId, other: ReleaseId, context: StageContext | None = None
) -> ReleaseDifference:
    """What is different in ``release_id``, seen from ``other``. Raises UnknownReleaseError."""
    context = context or open_context()
    context.site(site)
    return difference(context.dsn, site, release_id, other)


def audited(
    *, site: SiteId, release_id: ReleaseId | None = None, limit: int = 100, context: StageContext | None = None
) -> ReleaseChanges:
    """Who changed what, when and why, newest first; of one release where one is named. Raises UnknownSiteError."""
    context = context or open_context()
    context.site(site)
    return ReleaseChanges(site=site, changes=changes(context.dsn, site, release_id=release_id, limit=limit))


def _find(context: StageContext, site: SiteId, release_id: ReleaseId) -> ReleaseSummary:
    context.site(site)
    return lifecycle.release_summary(context.dsn, site, release_id)


def follow_pointers(*, site: SiteId, context: StageContext | None = None) -> None:
    """MLflow's aliases ``live`` are at the models of what is live, whatever surface it answers for."""
    context = context or open_context()
    for live in lifecycle.pointers(context.dsn, site):
        follow(context.dsn, context.tracking_uri, live)
