"""What a page tells, before it is laid out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import polars as pl

from recsys import columns as c
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
    recall: dict[int, float]
    "By depth: mean over users of the share of their truth that is among its first proposals."
    hits: int
    "At the full depth, as unique_hits."
    unique_hits: int
    "Found by no other generator."
    fit_seconds: float | None
    seconds: float | None
    "To answer for the judged users; both None for all together."


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
        proposers=proposers(judgement.generators) if judgement.generators is not None else [],
        importances=list(ranker.importances().iter_rows()),
        shap=shap_sample(ranker, judgement.rows, rng=rng),
        curve=curve,
        examples=examples(judgement, judgement.slates[RANKED], forgotten=forgotten, rng=rng),
    )


def proposers(report: pl.DataFrame) -> list[Proposer]:
    """All generators together first, then best first.

    Args:
        report: source, k, recall, hits, unique_hits, fit_seconds, seconds; each source at the same depths.
    """
    told = []
    for (source,), depths in report.sort(c.SOURCE, c.K).group_by([c.SOURCE], maintain_order=True):
        deepest = depths.row(-1, named=True)
        told.append(
            Proposer(
                name=source,
                recall=dict(depths.select(c.K, c.RECALL).iter_rows()),
                hits=deepest[c.HITS],
                unique_hits=deepest[c.UNIQUE_HITS],
                fit_seconds=deepest[c.FIT_SECONDS],
                seconds=deepest[c.SECONDS],
            )
        )
    return sorted(told, key=lambda each: (each.name != POOL, -max(each.recall.values()), each.name))
