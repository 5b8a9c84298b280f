"""A release on its evaluation window: its slates beside those of others, on candidates that knew nothing of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.datasets.splits import cut_windows
from recsys.evaluation.facts import Facts
from recsys.evaluation.report import EvaluationReport, evaluate
from recsys.ranking.ranker import Ranker
from recsys.releases import files as f
from recsys.releases.manifest import ReleaseManifest
from recsys.releases.moments import EXPLAINED_BY, Log, Moment
from recsys.releases.rearranging import reranking
from recsys.releases.replay import cut
from recsys.releases.slates import EVALUATED, contestants
from recsys.types import UserId

Shown = Callable[[Sequence[UserId]], pl.DataFrame]
"""Users → user_id, item_id, rank."""


@dataclass(frozen=True)
class Judgement:
    """The report, and what it was made of."""

    report: EvaluationReport
    slates: dict[str, pl.DataFrame]
    "user_id, item_id, rank of each contestant; of rankers schema SLATES."
    truth: pl.DataFrame
    rows: pl.DataFrame
    "Candidates with features."
    generators: pl.DataFrame | None
    "What each generator found and cost; None where the release was begun by a version that did not write it down."
    moment: Moment
    """What was known at the start of the window, from a log that ends there; it has the generator that explains, and no
    other."""


def judge(
    log: Log,
    store: f.ReleaseFiles,
    manifest: ReleaseManifest,
    rankers: Mapping[str, Ranker],
    *,
    others: Mapping[str, Shown] | None = None,
) -> Judgement:
    """How the rankers do, and each generator alone; every ranker's slates are re-ranked as the site asks.

    Args:
        log: the site's, until the release's ``as_of``.
        store: the release's files.
        manifest: says when.
        rankers: by name; RANKED is the release's own.
        others: by name, what others would have shown at the start of the window; judged as it is.
    """
    site, rng = log.site, np.random.default_rng(manifest.seed)
    window = cut_windows(manifest.as_of, site.windows).evaluation
    moment = cut(log, window.start).at(window.start, rng=rng, specs=[EXPLAINED_BY])
    rows, truth = store.get_frame(f.CANDIDATES_EVALUATION), store.get_frame(f.TRUTH)
    slates = contestants(
        rows,
        rankers,
        [spec.kind for spec in site.candidates],
        size=site.serving.slate_size,
        rerank=reranking(log, moment, seed=manifest.seed),
        weigh=moment.repeat_weights,
    )
    users = truth[c.USER_ID].unique().sort().to_list()
    slates |= {name: _judged(shown(users)) for name, shown in (others or {}).items()}
    report = evaluate(
        slates,
        truth,
        warm_users=moment.users,
        catalogue=store.get_frame(f.ITEMS).height,
        window=(window.start, window.end),
        rng=rng,
        facts=Facts.of(moment.recall.interactions, moment.recall.items, as_of=window.start),
    )
    generators = store.get_frame(f.GENERATORS) if store.has(f.GENERATORS) else None
    return Judgement(report, slates, truth, rows, generators, moment)


def _judged(slates: pl.DataFrame) -> pl.DataFrame:
    """The positions that count."""
    return slates.select(c.USER_ID, c.ITEM_ID, c.RANK).filter(pl.col(c.RANK) <= EVALUATED)
