"""A release that waits for someone's word goes live, or stays as it is and says why."""

from recsys.serving import lifecycle
from recsys.stages.context import StageContext, open_context
from recsys.stages.going_live import go_live
from recsys.types import Frozen, ReleaseId, SiteId


class Answered(Frozen):
    """What became of a release that waited."""

    site: SiteId
    release_id: ReleaseId
    accepted: bool
    "What was answered."
    live: bool
    "False for an approved release: some users get it first."
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
    """A published release that was approved goes live, or becomes a canary; otherwise it stays gated, with the reason.

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
    live = False
    if approved:
        live = go_live(context, site, release_id, by=by, reason=reason)
    else:
        lifecycle.decline(context.dsn, site, release_id, reason, by=by)
    return Answered(site=site, release_id=release_id, accepted=approved, live=live, reason=reason)
