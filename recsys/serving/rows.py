"""Rows of a release's files as rows of its tables: arrays in Postgres' text form."""

from typing import Final

import polars as pl

from recsys import columns as c
from recsys.errors import SchemaError
from recsys.serving.postgres_release import SEPARATOR

POPULARITY_RANK: Final = "popularity_rank"
EXCLUDED: Final = "excluded"
BOUGHT: Final = "bought"
SEEN: Final = "seen"


def slate_rows(users: pl.DataFrame) -> pl.DataFrame:
    """One row per user, schema RECOMMENDATIONS in; columns of ``recsys.slate`` out.

    Raises:
        SchemaError: a user's lists have different lengths.
    """
    lists = (c.ITEM_IDS, c.SCORES, c.SOURCES, c.BECAUSE_ITEMS)
    uneven = users.filter(pl.any_horizontal(pl.col(name).list.len() != pl.col(c.ITEM_IDS).list.len() for name in lists))
    if len(uneven):
        raise SchemaError(
            f"recommendations.parquet: user {uneven[c.USER_ID][0]!r} and {len(uneven) - 1} more have lists "
            f"of different lengths in {', '.join(lists)}; expected one element per item in each"
        )
    joined = pl.col(c.BECAUSE_ITEMS).list.eval(pl.element().list.join(SEPARATOR))
    return users.select(
        c.USER_ID,
        _texts(pl.col(c.ITEM_IDS)).alias(c.ITEM_IDS),
        _numbers(pl.col(c.SCORES)).alias(c.SCORES),
        _texts(pl.col(c.SOURCES)).alias(c.SOURCES),
        _texts(joined).alias(c.BECAUSE),
        _texts(pl.col(c.EXCLUDED_ITEMS)).alias(EXCLUDED),
        _texts(pl.col(c.BOUGHT_ITEMS)).alias(BOUGHT),
        _texts(pl.col(c.SEEN_ITEMS)).alias(SEEN),
    )


def similar_rows(pairs: pl.DataFrame) -> pl.DataFrame:
    """One row per item, schema SIMILAR in; columns of ``recsys.similar`` out, neighbours best first."""
    return _ranked(pairs, by=c.ITEM_ID, listed=c.SIMILAR_ITEM_ID)


def popular_rows(ranked: pl.DataFrame) -> pl.DataFrame:
    """One row per category, schema TOP_POPULAR in; columns of ``recsys.popular`` out, best first."""
    return _ranked(ranked, by=c.CATEGORY, listed=c.ITEM_ID)


def item_rows(items: pl.DataFrame, top_popular: pl.DataFrame) -> pl.DataFrame:
    """The catalogue with ``popularity_rank``, dense from 1.

    Items of any popular list come first, by their best score; the others follow in the order of their ids.
    """
    best = top_popular.group_by(c.ITEM_ID).agg(pl.col(c.SCORE).max())
    ordered = items.join(best, on=c.ITEM_ID, how="left").sort(
        [c.SCORE, c.ITEM_ID], descending=[True, False], nulls_last=True
    )
    return ordered.drop(c.SCORE).with_row_index(POPULARITY_RANK, offset=1)


def _ranked(rows: pl.DataFrame, *, by: str, listed: str) -> pl.DataFrame:
    grouped = (
        rows.sort(by, c.RANK)
        .group_by(by, maintain_order=True)
        .agg(pl.col(listed).alias(c.ITEM_IDS), pl.col(c.SCORE).cast(pl.Float32).alias(c.SCORES))
    )
    return grouped.with_columns(
        _texts(pl.col(c.ITEM_IDS)).alias(c.ITEM_IDS), _numbers(pl.col(c.SCORES)).alias(c.SCORES)
    )


def _texts(lists: pl.Expr) -> pl.Expr:
    """A list of strings as a Postgres array; every element quoted."""
    return lists.map_batches(_quoted, return_dtype=pl.String)


def _quoted(lists: pl.Series) -> pl.Series:
    """Most ids need no escape, and looking for one is far cheaper than escaping every id."""
    if lists.list.join("").str.contains_any(["\\", '"']).any():
        escaped = pl.element().str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)
        lists = lists.list.eval(escaped)
    frame = lists.alias("lists").to_frame()
    joined = pl.concat_str(pl.lit('{"'), pl.col("lists").list.join('","'), pl.lit('"}'))
    filled = pl.col("lists").list.len() > 0
    return frame.select(pl.when(filled).then(joined).otherwise(pl.lit("{}"))).to_series()


def _numbers(lists: pl.Expr) -> pl.Expr:
    return pl.concat_str(pl.lit("{"), lists.cast(pl.List(pl.String)).list.join(","), pl.lit("}"))
