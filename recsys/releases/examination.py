"""A release before the gate: judged on its evaluation window, its slates made and measured, the decision taken."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import polars as pl

from recsys.datasets.splits import cut_windows
from recsys.evaluation.contestants import LIVE, RANKED
from recsys.evaluation.gate import Evidence, GateDecision, decide
from recsys.ranking.ranker import Ranker
from recsys.releases import files as f
from recsys.releases.gating import gather
from recsys.releases.incumbent import Incumbent
from recsys.releases.judging import Judgement, judge
from recsys.releases.manifest import ReleaseManifest
from recsys.releases.moments import Log, Moment
from recsys.releases.rearranging import own_slates
from recsys.releases.served import moment_served, served_slates


@dataclass(frozen=True)
class Examination:
    """What was found, and what follows from it."""

    judgement: Judgement
    served: pl.DataFrame
    "The slates of every user as they would be served, schema RECOMMENDATIONS."
    moment: Moment
    "What was known at ``as_of``."
    evidence: Evidence
    decision: GateDecision


def examine(
    log: Log,
    store: f.ReleaseFiles,
    manifest: ReleaseManifest,
    ranker: Ranker,
    *,
    incumbent: Incumbent | None,
    refused: Sequence[str],
) -> Examination:
    """Whether the release may go live, and why; changes nothing.

    Args:
        log: the site's, until the release's ``as_of``.
        store: the release's files.
        manifest: says when.
        ranker: the release's own.
        incumbent: the live release, where there is one.
        refused: partitions of the last days that were refused when they were ingested last.
    """
    judgement = _judged(log, store, manifest, ranker, incumbent)
    moment = moment_served(log, manifest)
    served = served_slates(log, store, manifest, moment, ranker)
    evidence = gather(
        log,
        store,
        manifest,
        judgement,
        features=ranker.features,
        served=served,
        moment=moment,
        incumbent=incumbent,
        refused=refused,
    )
    return Examination(judgement, served, moment, evidence, decide(judgement.report, log.site.gate, evidence))


def _judged(
    log: Log, store: f.ReleaseFiles, manifest: ReleaseManifest, ranker: Ranker, incumbent: Incumbent | None
) -> Judgement:
    """Beside the live release: its ranker on the same candidates, or on its own, or else what it showed."""
    mine = {RANKED: ranker}
    if incumbent is None or incumbent.not_compared is not None:
        return judge(log, store, manifest, mine)
    if incumbent.shares_candidates:
        return judge(log, store, manifest, {**mine, LIVE: incumbent.ranker})
    if incumbent.site is None:
        return judge(log, store, manifest, mine, others={LIVE: incumbent.shown_to})
    theirs = replace(log, site=incumbent.site)
    window = cut_windows(manifest.as_of, log.site.windows).evaluation
    return judge(log, store, manifest, mine, others={LIVE: partial(own_slates, theirs, incumbent.ranker, window.start)})
