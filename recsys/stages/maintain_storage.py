"""Takes away what no longer serves: rows of old releases, their files, and objects of the log that nothing names."""

from datetime import timedelta

from recsys.releases.files import ReleaseFiles
from recsys.serving.lifecycle import live_release, releases
from recsys.serving.publishing import retire
from recsys.stages.context import StageContext, open_context
from recsys.types import Frozen, ReleaseId, SiteId

GRACE = timedelta(days=1)
"""Objects younger than this may belong to a run that has not finished."""


class StorageReport(Frozen):
    """What was taken away."""

    site: SiteId
    retired: tuple[ReleaseId, ...]
    "Releases that lost their rows in Postgres."
    removed_files: int
    "Of releases that are kept no longer, on the object store."
    removed_objects: int
    "Of the event log."


def run(*, site: SiteId, context: StageContext | None = None) -> StorageReport:
    """Keeps the live release, the one before it, those being made, and the site's newest ``keep_releases``."""
    context = context or open_context()
    keep = context.site(site).retention.keep_releases
    retired = retire(context.dsn, site, keep)
    return StorageReport(
        site=site,
        retired=tuple(retired),
        removed_files=_remove_files(context, site, keep),
        removed_objects=context.datasets.remove_unnamed(site, older_than=context.now() - GRACE),
    )


def _remove_files(context: StageContext, site: SiteId, keep: int) -> int:
    live = live_release(context.dsn, site)
    known = releases(context.dsn, site)
    kept = {release.release_id for release in known[:keep]} | {
        release.release_id for release in known if release.published
    }
    kept |= {release.release_id for release in known if release.state in ("building", "gated", "canary")}
    kept |= {release_id for release_id in (live.release_id, live.previous) if release_id} if live else set()
    removed = 0
    for release in known:
        if release.release_id not in kept:
            removed += ReleaseFiles(context.blobs, site, release.release_id).remove()
    return removed
