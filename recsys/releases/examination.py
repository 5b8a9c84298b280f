"""A release before the gate: judged on its evaluation window, its slates made and measured, the decision taken."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys.evaluation.contestants import LIVE, RANKED
from recsys.evaluation.gate import Evidence, GateDecision, decide
from recsys.ranking.ranker import Ranker
from recsys.releases import files as f
from recsys.releases.gating import gather
from recsys.releases.incumbent import Incumbent
from recsys.releases.judging import Judgement, judge
from recsys.releases.manifest import ReleaseManifest
from recsys.releases.moments import EXPLAINED_BY, Log, Moment
from recsys.releases.rearranging import reranking
from recsys.releases.slates import recommendations, slates


@dataclass(frozen=True)
class Examination:
    """What was found, and what follows from it."""

    judgement: Judgement
    served: pl.DataFrame
    "The slates of every user as they would be served, schema RECOMMENDATIONS."
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
    moment = log.at(manifest.as_of, rng=np.random.default_rng(manifest.seed), specs=[EXPLAINED_BY])
    served = _ranked(log, store, manifest, moment, ranker)
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
    return Examination(judgement, served, evidence, decide(judgement.report, log.site.gate, evidence))


def _judged(
    log: Log, store: f.ReleaseFiles, manifest: ReleaseManifest, ranker: Ranker, incumbent: Incumbent | None
) -> Judgement:
    """Beside the live release: its ranker on the same candidates, or else what it shows."""
    if incumbent is None or incumbent.not_compared is not None:
        return judge(log, store, manifest, {RANKED: ranker})
    if incumbent.ranker is not None:
        return judge(log, store, manifest, {RANKED: ranker, LIVE: incumbent.ranker})
    return judge(log, store, manifest, {RANKED: ranker}, published={LIVE: incumbent.shown_to})


def _ranked(log: Log, store: f.ReleaseFiles, manifest: ReleaseManifest, moment: Moment, ranker: Ranker) -> pl.DataFrame:
    site, rows = log.site, store.get_frame(f.CANDIDATES_INFERENCE)
    sources, size = [spec.kind for spec in site.candidates], site.serving.slate_size
    ranked = slates(rows, ranker.score(rows), sources, size, weigh=moment.repeat_weights)
    rerank = reranking(log, moment, seed=manifest.seed)
    return recommendations(rerank(ranked) if rerank else ranked, store.get_frame(f.EXCLUDED), moment.explainer)
