"""What a page tells, before it is laid out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.candidates.generator import CANDIDATES
from recsys.candidates.pool import generator_report
from recsys.evaluation.contestants import RANKED
from recsys.evaluation.gate import GateDecision
from recsys.evaluation.report import EvaluationReport
from recsys.ranking.ranker import Ranker
from recsys.ranking.shap_sample import FeatureShare, shap_sample
from recsys.releases.judging import Judgement
from recsys.releases.manifest import ReleaseManifest
from recsys.releases.moments import Log
from recsys.releases.page.examples import Example, examples
from recsys.types import ReleaseId, UserId

POOL: Final = "pool"
"What ``generator_report`` calls all generators together."


@dataclass(frozen=True)
class Proposer:
    """What one generator, or all of them, brought to the pool."""

    name: str
    recall: float
    "Mean over users of the share of their truth that is among its proposals."
    hits: int
    unique_hits: int
    "Found by no other generator."
    seconds: float | None
    "To fit and to answer; None where nobody measured it."


@dataclass(frozen=True)
class Findings:
    """Everything that was found out about one release."""

    title: str
    release_id: ReleaseId
    as_of: datetime
    decision: GateDecision
    report: EvaluationReport
    metric: str
    "What the gate compares."
    proposers: Sequence[Proposer]
    "All together first."
    importances: Sequence[tuple[str, float]]
    "Feature and percent, heaviest first."
    shap: Sequence[FeatureShare]
    curve: Sequence[float]
    "Validation nDCG@10 after each tree; empty where it is not known."
    examples: Sequence[Example]


def findings(
    log: Log,
    manifest: ReleaseManifest,
    judgement: Judgement,
    decision: GateDecision,
    ranker: Ranker,
    *,
    curve: Sequence[float],
    forgotten: Collection[UserId],
) -> Findings:
    """What was found out about a release.

    Args:
        log: the site's.
        manifest: the release's.
        judgement: how it did.
        decision: what the gate said.
        ranker: the release's.
        curve: its validation metric after each tree.
        forgotten: users who asked to be; none of them is an example.
    """
    rng = np.random.default_rng(manifest.seed)
    return Findings(
        title=log.site.title or log.site.site,
        release_id=manifest.release_id,
        as_of=manifest.as_of,
        decision=decision,
        report=judgement.report,
        metric=log.site.gate.primary_metric,
        proposers=proposers(judgement.rows, judgement.truth, [spec.kind for spec in log.site.candidates]),
        importances=list(ranker.importances().iter_rows()),
        shap=shap_sample(ranker, judgement.rows, rng=rng),
        curve=curve,
        examples=examples(judgement, judgement.slates[RANKED], forgotten=forgotten, rng=rng),
    )


def proposers(
    rows: pl.DataFrame, truth: pl.DataFrame, sources: Sequence[str], *, seconds: Mapping[str, float] | None = None
) -> list[Proposer]:
    """What each source proposed of the truth: all of them together first, then best first.

    Args:
        rows: one row per pair with the rank of each source.
        truth: distinct pairs (user_id, item_id).
        sources: names of the generators.
        seconds: what each cost.
    """
    parts = [
        rows.select(
            c.USER_ID,
            c.ITEM_ID,
            pl.lit(source).alias(c.SOURCE),
            pl.col(c.source_score(source)).cast(pl.Float64).alias(c.SCORE),
            pl.col(c.source_rank(source)).cast(pl.Int32).alias(c.RANK),
        ).drop_nulls(c.RANK)
        for source in sources
    ]
    pool = pl.concat([CANDIDATES.to_frame(), *parts])
    if pool.is_empty():
        return []
    deepest = pool.select(pl.col(c.RANK).max()).item()
    told = [
        Proposer(source, recall, hits, unique, (seconds or {}).get(source))
        for source, _, recall, hits, unique in generator_report(pool, truth, [deepest]).iter_rows()
    ]
    return sorted(told, key=lambda each: (each.name != POOL, -each.recall, each.name))
