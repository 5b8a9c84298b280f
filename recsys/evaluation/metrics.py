"""How good slates are, per user. Gains are binary; docs/metrics.md gives each formula, its range and its pitfalls."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from recsys import columns as c

PER_USER: Final = ("recall", "precision", "hit_rate", "ndcg", "mrr", "map")
"""Metrics that every user with truth has; their mean over users is reported."""
PAIR = [c.USER_ID, c.ITEM_ID]


def metric_name(metric: str, k: int) -> str:
    """How a metric at a depth is called everywhere, such as ``ndcg@10``."""
    return f"{metric}@{k}"


def per_user_metrics(slates: pl.DataFrame, truth: pl.DataFrame, *, ks: Sequence[int]) -> pl.DataFrame:
    """Every metric of every user with truth.

    Args:
        slates: user_id, item_id, rank (unique per user, from 1); other columns and users without truth are ignored.
        truth: distinct pairs (user_id, item_id).
        ks: depths, each at least 1.

    Returns:
        user_id and one Float64 column in [0, 1] per metric and depth (``recall@10`` …), sorted by user_id; a user with
        truth and no slate scores 0.

    Source: Järvelin and Kekäläinen, ACM TOIS 20(4), 2002, for nDCG; the ideal list is cut at min(k, |truth|).
    """
    truth = truth.select(PAIR).unique()
    users = truth.group_by(c.USER_ID).agg(pl.len().alias(c.TRUTH_SIZE))
    hits = (
        slates.select(*PAIR, pl.col(c.RANK).cast(pl.Int64))
        .join(truth, on=PAIR, how="semi")
        .sort(c.USER_ID, c.RANK)
        .with_columns(pl.int_range(1, pl.len() + 1).over(c.USER_ID).alias(c.HITS))
    )
    for k in ks:
        users = users.join(_at(hits, k), on=c.USER_ID, how="left").with_columns(*_metrics(k)).drop(_SUMS)
    return users.drop(c.TRUTH_SIZE).sort(c.USER_ID)


def coverage(slates: pl.DataFrame, *, k: int, catalogue: int) -> float:
    """Share of the catalogue's items that stand in some slate's first ``k`` positions; 0 for an empty catalogue."""
    shown = slates.filter(pl.col(c.RANK) <= k)[c.ITEM_ID].n_unique()
    return shown / catalogue if catalogue else 0.0


_COUNT, _GAIN, _FIRST, _PRECISIONS = _SUMS = ("_count", "_gain", "_first", "_precisions")


def _at(hits: pl.DataFrame, k: int) -> pl.DataFrame:
    """The sums over the first k positions of each user with a hit there."""
    return (
        hits.filter(pl.col(c.RANK) <= k)
        .group_by(c.USER_ID)
        .agg(
            pl.len().alias(_COUNT),
            (1 / (pl.col(c.RANK) + 1).log(2)).sum().alias(_GAIN),
            pl.col(c.RANK).min().alias(_FIRST),
            (pl.col(c.HITS) / pl.col(c.RANK)).sum().alias(_PRECISIONS),
        )
    )


def _metrics(k: int) -> list[pl.Expr]:
    ideals = [0.0, *np.cumsum(1 / np.log2(np.arange(2, k + 2))).tolist()]
    reachable = pl.min_horizontal(pl.col(c.TRUTH_SIZE), pl.lit(k))
    count = pl.col(_COUNT).fill_null(0)
    formulas = {
        "recall": count / pl.col(c.TRUTH_SIZE),
        "precision": count / k,
        "hit_rate": (count > 0).cast(pl.Float64),
        "ndcg": pl.col(_GAIN).fill_null(0.0)
        / reachable.replace_strict(list(range(k + 1)), ideals, return_dtype=pl.Float64),
        "mrr": (1 / pl.col(_FIRST)).fill_null(0.0),
        "map": pl.col(_PRECISIONS).fill_null(0.0) / reachable,
    }
    return [formulas[metric].alias(metric_name(metric, k)) for metric in PER_USER]
