"""The slates of a release: every user's candidates in the ranker's order, as they are served."""

import numpy as np
import polars as pl

from recsys.ranking.ranker import Ranker
from recsys.releases import files as f
from recsys.releases.manifest import ReleaseManifest
from recsys.releases.moments import EXPLAINED_BY, Log, Moment
from recsys.releases.rearranging import arranged
from recsys.releases.slates import recommendations


def moment_served(log: Log, manifest: ReleaseManifest) -> Moment:
    """What is known at ``as_of``, with the generator that explains and no other."""
    return log.at(manifest.as_of, rng=np.random.default_rng(manifest.seed), specs=[EXPLAINED_BY])


def served_slates(
    log: Log, store: f.ReleaseFiles, manifest: ReleaseManifest, moment: Moment, ranker: Ranker
) -> pl.DataFrame:
    """The slates of every user as they would be served, schema RECOMMENDATIONS.

    The same candidates, ranker, log and manifest give the same rows.
    """
    shown = arranged(log, moment, store.get_frame(f.CANDIDATES_INFERENCE), ranker, seed=manifest.seed)
    return recommendations(shown, store.get_frame(f.EXCLUDED), log.known_before(manifest.as_of), moment.explainer)
