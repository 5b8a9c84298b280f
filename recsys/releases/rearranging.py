"""A site's re-ranking as of one moment, made from its log."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.features.item_vectors import ItemVectors
from recsys.ranking.ranker import Ranker
from recsys.ranking.reranking import Reranker
from recsys.releases.moments import Log, Moment
from recsys.releases.replay import cut
from recsys.releases.slates import Rerank, slates
from recsys.types import UserId


def reranking(log: Log, moment: Moment, *, seed: int) -> Rerank | None:
    """What the site's ``reranking`` does to slates made at ``moment``; None where it asks for nothing.

    An item is as old as the first that was told or done of it, in the whole log. The same seed draws the same.
    """
    policy, recall = log.site.reranking, moment.recall
    if not policy.is_on:
        return None
    catalogue = recall.items.select(c.ITEM_ID, c.CATEGORY, c.AVAILABLE)
    aged = catalogue.join(_ages(log, recall.as_of), on=c.ITEM_ID, how="left", maintain_order="left")
    pairs = recall.interactions if policy.diversity else recall.interactions.clear()
    reranker = Reranker(policy, aged, ItemVectors.of(pairs, rng=np.random.default_rng(seed)))
    return lambda slates: reranker.rerank(slates, exclude=moment.bought, rng=np.random.default_rng(seed))


def arranged(log: Log, moment: Moment, rows: pl.DataFrame, ranker: Ranker, *, seed: int) -> pl.DataFrame:
    """The slates of the users of ``rows`` (candidates with features, as of ``moment``) as they are served."""
    site = log.site
    sources, size = [spec.kind for spec in site.candidates], site.serving.slate_size
    ranked = slates(rows, ranker.score(rows), sources, size, weigh=moment.repeat_weights)
    rerank = reranking(log, moment, seed=seed)
    return rerank(ranked) if rerank else ranked


def own_slates(log: Log, ranker: Ranker, start: datetime, users: Sequence[UserId]) -> pl.DataFrame:
    """What a ranker would have shown these users at ``start``, from candidates of its site's own: schema SLATES.

    The generators of ``log.site`` are fitted again on the log until then.
    """
    known, seed = cut(log, start), log.site.ranker.seed
    moment = known.at(start, rng=np.random.default_rng(seed))
    return arranged(known, moment, moment.rows(users, k=log.site.candidates_per_source), ranker, seed=seed)


def _ages(log: Log, as_of: datetime) -> pl.DataFrame:
    """item_id and the days since it became known."""
    heard = pl.concat([frame.select(c.ITEM_ID, c.TIMESTAMP) for frame in (log.interactions, log.item_updates)])
    age = (pl.lit(as_of) - pl.col(c.TIMESTAMP).min()).dt.total_microseconds() / 86_400e6
    return heard.filter(pl.col(c.TIMESTAMP) < as_of).group_by(c.ITEM_ID).agg(age.alias(c.AGE_DAYS))
