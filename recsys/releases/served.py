"""The slates of a release: every user's candidates in the ranker's order, as they are served."""

import numpy as np
import polars as pl

from recsys.ranking.ranker import Ranker
from recsys.releases import files as f
from recsys.releases.manifest import ReleaseManifest
from recsys.releases.moments import EXPLAINED_BY, Log, Moment
from recsys.releases.rearranging import reranking
from recsys.releases.slates import recommendations, slates


def moment_served(log: Log, manifest: ReleaseManifest) -> Moment:
    """What is known at ``as_of``, with the generator that explains and no other."""
    return log.at(manifest.as_of, rng=np.random.default_rng(manifest.seed), specs=[EXPLAINED_BY])


def served_slates(
    log: Log, store: f.ReleaseFiles, manifest: ReleaseManifest, moment: Moment, ranker: Ranker
) -> pl.DataFrame:
    """The slates of every user as they would be served, schema RECOMMENDATIONS.

    The same candidates, ranker, log and manifest give the same rows.
    """
    site, rows = log.site, store.get_frame(f.CANDIDATES_INFERENCE)
    sources, size = [spec.kind for spec in site.candidates], site.serving.slate_size
    ranked = slates(rows, ranker.score(rows), sources, size, weigh=moment.repeat_weights)
    rerank = reranking(log, moment, seed=manifest.seed)
    return recommendations(rerank(ranked) if rerank else ranked, store.get_frame(f.EXCLUDED), moment.explainer)
