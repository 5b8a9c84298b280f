"""What the gate wants to know of a release, measured on its files."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.evaluation.gate import Evidence, behavior, data, slates, training
from recsys.features.feature_set import FeatureSet
from recsys.releases import files as f
from recsys.releases.incumbent import Incumbent
from recsys.releases.judging import Judgement
from recsys.releases.manifest import ReleaseManifest
from recsys.releases.moments import PAIR, Log, Moment
from recsys.releases.replay import knows_later


def gather(
    log: Log,
    store: f.ReleaseFiles,
    manifest: ReleaseManifest,
    judgement: Judgement,
    *,
    features: FeatureSet,
    served: pl.DataFrame,
    moment: Moment,
    incumbent: Incumbent | None,
    refused: Sequence[str],
) -> Evidence:
    """Everything that the gate decides on beside the report.

    Args:
        log: the site's, until the release's ``as_of``.
        store: the release's files.
        manifest: says when.
        judgement: the release on its evaluation window.
        features: the ranker's.
        served: the slates of every user, schema RECOMMENDATIONS.
        moment: what was known at ``as_of``; its users should all have a slate.
        incumbent: the live release, where there is one.
        refused: partitions of the last days that were refused when they were ingested last.
    """
    policy, rng = log.site.gate, np.random.default_rng(manifest.seed)
    similar, items = store.get_frame(f.SIMILAR), store.get_frame(f.ITEMS)
    live = incumbent and slates.compare(
        served, incumbent.slates, release_id=incumbent.release_id, not_compared=incumbent.not_compared
    )
    return Evidence(
        data=data.measure(log.interactions, as_of=manifest.as_of, days=policy.data_days, refused=refused),
        training=training.measure(
            store.get_frame(f.CANDIDATES_TRAIN),
            _labelled(judgement),
            features=features.numeric,
            shares=features.shares,
            knows_later=knows_later(judgement.rows, judgement.moment, rng=rng),
            rng=rng,
        ),
        slates=slates.measure(served, users=moment.users, items=items),
        candidate_recall=_recall(judgement),
        symmetry=behavior.symmetry(similar),
        live=live,
        cases=tuple(
            behavior.judged(case, interactions=log.interactions, slates=served, similar=similar, items=items)
            for case in policy.cases
        ),
    )


def _labelled(judgement: Judgement) -> pl.DataFrame:
    """The candidates of the evaluation window in the form of those of the label windows."""
    right = judgement.truth.select(*PAIR, pl.lit(1, dtype=pl.Int32).alias(c.LABEL))
    as_of = pl.lit(judgement.moment.recall.as_of).alias(c.AS_OF)
    return judgement.rows.join(right, on=PAIR, how="left").with_columns(pl.col(c.LABEL).fill_null(0), as_of)


def _recall(judgement: Judgement) -> float | None:
    """Share of a user's truth that is among the candidates, mean over users; None where there is no truth."""
    found = judgement.rows.select(*PAIR, pl.lit(1).alias(c.HITS))
    per_user = (
        judgement.truth.join(found, on=PAIR, how="left")
        .group_by(c.USER_ID)
        .agg(pl.col(c.HITS).fill_null(0).mean().alias(c.RECALL))
    )
    return float(per_user[c.RECALL].to_numpy().mean()) if per_user.height else None
