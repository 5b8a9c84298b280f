"""Takes away what no longer serves: old releases in every store, and what lies about that belongs to nothing."""

from recsys.stages import cleaning
from recsys.stages.change_release import follow_pointers
from recsys.stages.context import StageContext, open_context
from recsys.types import Frozen, ReleaseId, SiteId


class StorageReport(Frozen):
    """What was taken away; with ``dry_run``, what would be."""

    site: SiteId
    dry_run: bool
    releases: dict[ReleaseId, str]
    "Releases that are not kept, with the reason."
    removed: dict[str, int]
    "How many things by place: postgres (tables), objects, exchange (files), mlflow (model versions)."
    bytes: int
    "Of all of them."


def run(
    *,
    site: SiteId,
    dry_run: bool = False,
    by: str = "stage maintain_storage",
    context: StageContext | None = None,
) -> StorageReport:
    """What the site's ``retention`` keeps is all there is. The live release, the one before it and canaries stay.

    MLflow's aliases ``live`` are where the pointers are, should somebody have moved one while MLflow was away.

    Args:
        site: which site.
        dry_run: only say what would be removed.
        by: who asked for it, for the audit.
        context: stores; by default those of the environment.

    Raises:
        StoreError: a store does not answer; nothing is removed then, because all of it goes together.
    """
    context = context or open_context()
    plan = cleaning.plan(context, site)
    if not dry_run:
        cleaning.remove(context, plan, by=by)
        follow_pointers(site=site, context=context)
    counts: dict[str, int] = {}
    for each in plan.garbage:
        counts[each.place] = counts.get(each.place, 0) + 1
    return StorageReport(site=site, dry_run=dry_run, releases=plan.releases, removed=counts, bytes=plan.bytes)
