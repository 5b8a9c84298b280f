"""From ranked candidates to what is served: one row per user."""

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys import columns as c
from recsys.candidates.item_item import ItemItem
from recsys.candidates.popularity import Popularity
from recsys.candidates.repeats import Weigh
from recsys.evaluation.contestants import BEFORE_RERANKING
from recsys.evaluation.contestants import RANKED as CHALLENGER
from recsys.ranking.ranker import Ranker
from recsys.ranking.slates import rank_rows
from recsys.serving.files import conform

RANKED = "ranked:"
"Before the generator's name in the source of a served item."
EVALUATED = 20
"Positions that count when slates are judged."
Rerank = Callable[[pl.DataFrame], pl.DataFrame]


def contestants(
    rows: pl.DataFrame,
    rankers: Mapping[str, Ranker],
    sources: list[str],
    *,
    size: int = EVALUATED,
    rerank: Rerank | None = None,
    weigh: Weigh | None = None,
) -> dict[str, pl.DataFrame]:
    """The slates of each ranker, and of each generator alone, from the same candidates.

    Args:
        rows: one row per pair with every feature.
        rankers: by name; each scores all rows.
        sources: generators; a generator's slate is its own order, and the popular items for users it has nothing for.
        size: how long the slates are that are re-ranked.
        weigh: what is done to every ranker's scores before. None: nothing.
        rerank: what is done to every ranker's slates; those of CHALLENGER are shown without it too. None: nothing.
    """
    ranked = {name: slates(rows, ranker.score(rows), sources, size, weigh=weigh) for name, ranker in rankers.items()}
    if rerank is not None:
        plain = {BEFORE_RERANKING: ranked[CHALLENGER]}
        ranked = {name: rerank(found) for name, found in ranked.items()} | plain
    alone = {
        source: rows.select(c.USER_ID, c.ITEM_ID, pl.col(c.source_rank(source)).alias(c.RANK)).drop_nulls(c.RANK)
        for source in sources
    }
    popular = alone[Popularity.name]
    fair = {name: pl.concat([own, popular.join(own, on=c.USER_ID, how="anti")]) for name, own in alone.items()}
    return {**{name: found.filter(pl.col(c.RANK) <= EVALUATED) for name, found in ranked.items()}, **fair}


def slates(
    rows: pl.DataFrame, scores: NDArray[np.float64], sources: list[str], size: int, *, weigh: Weigh | None = None
) -> pl.DataFrame:
    """The ``size`` best of each user, schema SLATES."""
    return rank_rows(rows, weigh(rows, scores) if weigh else scores, sources=sources, size=size)


def recommendations(
    ranked: pl.DataFrame, excluded: pl.DataFrame, history: pl.DataFrame, explainer: ItemItem
) -> pl.DataFrame:
    """One row per user, as it goes into Postgres; schema RECOMMENDATIONS, sorted by user.

    Args:
        ranked: schema SLATES, maybe with ``propensity``, which is then kept as ``propensities`` beside that schema.
        excluded: pairs that must not be shown; of users with a slate.
        history: pairs that users did something with, and whether they ``bought``; of users with a slate or not.
        explainer: says because of which items of the user's history.
    """
    explained = explainer.because(ranked.drop(c.BECAUSE))
    explored = [pl.col(c.PROPENSITY).alias(c.PROPENSITIES)] if c.PROPENSITY in ranked.columns else []
    per_user = (
        explained.sort(c.USER_ID, c.RANK)
        .group_by(c.USER_ID, maintain_order=True)
        .agg(
            pl.col(c.ITEM_ID).alias(c.ITEM_IDS),
            pl.col(c.SCORE).alias(c.SCORES),
            (RANKED + pl.col(c.SOURCE)).alias(c.SOURCES),
            pl.col(c.BECAUSE).alias(c.BECAUSE_ITEMS),
            *explored,
        )
    )
    apart = {
        c.EXCLUDED_ITEMS: excluded,
        c.BOUGHT_ITEMS: history.filter(c.BOUGHT),
        c.SEEN_ITEMS: history.filter(pl.col(c.BOUGHT).not_()),
    }
    whole = per_user
    for name, pairs in apart.items():
        listed = pairs.sort(c.USER_ID, c.ITEM_ID).group_by(c.USER_ID).agg(pl.col(c.ITEM_ID).alias(name))
        whole = whole.join(listed, on=c.USER_ID, how="left").with_columns(
            pl.col(name).fill_null(pl.lit([], dtype=pl.List(pl.String)))
        )
    served = conform(whole.sort(c.USER_ID), "recommendations.parquet")
    return served.with_columns(whole.sort(c.USER_ID)[c.PROPENSITIES]) if explored else served
