"""A release that waits for someone's word goes live, or stays as it is and says why."""

from recsys.serving import lifecycle
from recsys.stages import change_release
from recsys.stages.context import StageContext, open_context
from recsys.types import Frozen, ReleaseId, SiteId


class Answered(Frozen):
    """What became of a release that waited."""

    site: SiteId
    release_id: ReleaseId
    accepted: bool
    "True: it is live."
    reason: str


def run(
    *,
    site: SiteId,
    release_id: ReleaseId,
    approved: bool,
    reason: str,
    by: str,
    context: StageContext | None = None,
) -> Answered:
    """Activates a published release when it was approved; otherwise it stays gated, with the reason.

    Args:
        site: which site.
        release_id: a release that is gated and published.
        approved: what was answered; no answer in time is a no.
        reason: why, for the audit and the list of releases.
        by: who answered.
        context: stores; by default those of the environment.

    Raises:
        ReleaseError: the release is not in a state for that. What is live stays.
    """
    context = context or open_context()
    if approved:
        change_release.activate(site=site, release_id=release_id, by=by, reason=reason, context=context)
    else:
        lifecycle.decline(context.dsn, site, release_id, reason, by=by)
    return Answered(site=site, release_id=release_id, accepted=approved, reason=reason)
