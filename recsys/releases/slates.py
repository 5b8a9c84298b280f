"""From ranked candidates to what is served: one row per user."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys import columns as c
from recsys.candidates.item_item import ItemItem
from recsys.candidates.popularity import Popularity
from recsys.ranking.ranker import Ranker
from recsys.ranking.slates import rank_rows
from recsys.serving.files import RECOMMENDATIONS, conform

RANKED = "ranked:"
"Before the generator's name in the source of a served item."
EVALUATED = 20
"Positions that count when slates are judged."


def contestants(rows: pl.DataFrame, rankers: dict[str, Ranker], sources: list[str]) -> dict[str, pl.DataFrame]:
    """The slates of each ranker, and of each generator alone, from the same candidates.

    Args:
        rows: one row per pair with every feature.
        rankers: by name; each scores all rows.
        sources: generators; a generator's slate is its own order, and the popular items for users it has nothing for.
    """
    ranked = {name: slates(rows, ranker.score(rows), sources, EVALUATED) for name, ranker in rankers.items()}
    alone = {
        source: rows.select(c.USER_ID, c.ITEM_ID, pl.col(c.source_rank(source)).alias(c.RANK)).drop_nulls(c.RANK)
        for source in sources
    }
    popular = alone[Popularity.name]
    fair = {name: pl.concat([own, popular.join(own, on=c.USER_ID, how="anti")]) for name, own in alone.items()}
    return {**ranked, **fair}


def slates(rows: pl.DataFrame, scores: NDArray[np.float64], sources: list[str], size: int) -> pl.DataFrame:
    """The ``size`` best of each user, schema SLATES."""
    return rank_rows(rows, scores, sources=sources, size=size)


def recommendations(ranked: pl.DataFrame, bought: pl.DataFrame, explainer: ItemItem) -> pl.DataFrame:
    """One row per user, as it goes into Postgres; schema RECOMMENDATIONS, sorted by user.

    Args:
        ranked: schema SLATES.
        bought: pairs that must not be shown; of users with a slate.
        explainer: says because of which items of the user's history.
    """
    explained = explainer.because(ranked.drop(c.BECAUSE))
    per_user = (
        explained.sort(c.USER_ID, c.RANK)
        .group_by(c.USER_ID, maintain_order=True)
        .agg(
            pl.col(c.ITEM_ID).alias(c.ITEM_IDS),
            pl.col(c.SCORE).alias(c.SCORES),
            (RANKED + pl.col(c.SOURCE)).alias(c.SOURCES),
            pl.col(c.BECAUSE).alias(c.BECAUSE_ITEMS),
        )
    )
    excluded = bought.sort(c.USER_ID, c.ITEM_ID).group_by(c.USER_ID).agg(pl.col(c.ITEM_ID).alias(c.EXCLUDED_ITEMS))
    whole = per_user.join(excluded, on=c.USER_ID, how="left").with_columns(
        pl.col(c.EXCLUDED_ITEMS).fill_null(pl.lit([], dtype=pl.List(pl.String)))
    )
    return conform(whole.select(list(RECOMMENDATIONS)).sort(c.USER_ID), "recommendations.parquet")
