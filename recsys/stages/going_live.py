"""How an accepted release comes to its users: at once, or to some of them first, where the site has canaries."""

import logging

from recsys.errors import NotEnoughData
from recsys.serving import experiments, lifecycle
from recsys.serving.contracts import RECOMMENDATIONS
from recsys.sites.canary_policy import canary_id
from recsys.sites.experiment import Experiment
from recsys.stages import change_release, estimate_release
from recsys.stages.context import StageContext
from recsys.stages.experiment_outcomes import folder
from recsys.types import ReleaseId, SiteId

log = logging.getLogger(__name__)


def go_live(context: StageContext, site: SiteId, release_id: ReleaseId, *, by: str, reason: str) -> bool:
    """True: the release is live. False: some users get it, or it waits until the canary before it is decided.

    The first release of a site goes live at once: there is nothing to compare it with. So does a predictor's, which the
    gate compared with the live one on the same rows.

    Raises:
        ReleaseError: the release is not in a state for that. What is live stays.
    """
    surface = lifecycle.release_summary(context.dsn, site, release_id).surface
    live = lifecycle.live_release(context.dsn, site, surface)
    tried = surface == RECOMMENDATIONS and context.site(site).canary.enabled
    if not tried or live is None or live.release_id == release_id:
        change_release.activate(site=site, release_id=release_id, by=by, reason=reason, context=context)
        return True
    start_canary(context, site, release_id, by=by, reason=reason)
    return False


def start_canary(context: StageContext, site: SiteId, release_id: ReleaseId, *, by: str, reason: str) -> None:
    """Some users get the release, unless another canary runs: then it waits, gated, and the newest follows."""
    canary = context.site(site).canary.experiment(site, release_id)
    running = [record.experiment for record in experiments.experiments(context.dsn, site) if record.state == "running"]
    if before := next((each for each in running if each.layer == canary.layer), None):
        if before.id != canary.id:
            log.info("release %s waits: experiment %s runs", release_id, before.id)
        return
    _estimate(context, canary, release_id)
    experiments.start(context.dsn, canary, context.now(), by=by, reason=reason)


def _estimate(context: StageContext, canary: Experiment, release_id: ReleaseId) -> None:
    """What the release would earn lies beside the canary's report, where the live one explores."""
    try:
        found = estimate_release.run(site=canary.site, release_id=release_id, events=canary.events, context=context)
    except NotEnoughData as why:
        log.info("nothing is known of release %s before it is shown: %s", release_id, why)
    else:
        context.blobs.put(f"{folder(canary)}/off_policy.json", found.model_dump_json(indent=1).encode())


def start_next_canary(context: StageContext, site: SiteId, *, by: str) -> None:
    """The newest accepted release that nobody has tried yet is tried, if it is newer than the live one."""
    live = lifecycle.live_release(context.dsn, site)
    if live is None:
        return
    tried = {record.experiment.id for record in experiments.experiments(context.dsn, site)}
    releases = lifecycle.releases(context.dsn, site)
    live_as_of = next((each.as_of for each in releases if each.release_id == live.release_id), None)
    for release in releases:
        fresh = live_as_of is None or release.as_of > live_as_of
        waits = release.state == "gated" and release.published and release.surface == live.surface
        if fresh and waits and canary_id(release.release_id) not in tried:
            start_canary(context, site, release.release_id, by=by, reason=release.reason)
            return
