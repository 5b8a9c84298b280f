"""Candidates of a label window, labelled with what their users then did."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.sites.config import InteractionType
from recsys.sites.ranker_policy import Negatives
from recsys.types import UserId

PAIR = [c.USER_ID, c.ITEM_ID]
HARD_SHARE: Final = {"random": 0.0, "mixed": 0.2, "hard": 1.0}
"""Of the negatives, those that are not drawn."""


def gains(
    interactions: pl.DataFrame,
    types: Sequence[InteractionType],
    *,
    start: datetime,
    end: datetime,
    exclude: pl.DataFrame,
) -> pl.DataFrame:
    """What would have been a success in the window.

    Returns:
        user_id, item_id, label (Int32): the highest gain of the pair's events in [start, end), without pairs of gain 0
        and those in ``exclude``; sorted by pair.
    """
    names, values = [kind.name for kind in types], [kind.gain for kind in types]
    gain = pl.col(c.EVENT_TYPE).replace_strict(names, values, return_dtype=pl.Int32)
    return (
        interactions.filter(pl.col(c.TIMESTAMP).is_between(start, end, closed="left"))
        .group_by(PAIR)
        .agg(gain.max().alias(c.LABEL))
        .filter(pl.col(c.LABEL) > 0)
        .join(exclude, on=PAIR, how="anti")
        .sort(PAIR)
    )


def drawn(users: Sequence[UserId], *, at_most: int, rng: np.random.Generator) -> list[UserId]:
    """``users``, or as many of them drawn at random, in their order."""
    if len(users) <= at_most:
        return list(users)
    return [users[n] for n in np.sort(rng.permutation(len(users))[:at_most])]


def training_rows(
    rows: pl.DataFrame,
    labels: pl.DataFrame,
    *,
    as_of: datetime,
    negatives_per_user: int,
    rng: np.random.Generator,
    negatives: Negatives = "random",
) -> pl.DataFrame:
    """The rows a ranker learns from.

    Args:
        rows: candidates with features, made from what was known before ``as_of``.
        labels: user_id, item_id, label of the window that starts at ``as_of``.
        as_of: start of the label window.
        negatives_per_user: candidates of label 0 kept per user.
        rng: draws them.
        negatives: ``random`` draws them from all candidates; ``hard`` takes those that the generators are most at one
            about, by their summed shares, which teaches the ranker that agreement is a bad sign; ``mixed`` takes a
            fifth of them so and draws the rest.

    Returns:
        ``rows`` of the users with at least one success among their candidates, with ``label`` (Int32), ``as_of``, and
        ``stands_for`` (Float32): how many of the user's candidates the row is there for; sorted by user and item.
    """
    labelled = (
        rows.join(labels, on=PAIR, how="left")
        .with_columns(pl.col(c.LABEL).fill_null(0).cast(pl.Int32), pl.lit(as_of).alias(c.AS_OF))
        .filter(pl.col(c.LABEL).max().over(c.USER_ID) > 0)
        .sort(PAIR)
    )
    certain = round(negatives_per_user * HARD_SHARE[negatives])
    places = negatives_per_user - certain
    shares = [pl.col(name).fill_null(0.0) for name in rows.columns if name.endswith(c.source_share(""))]
    agreed = pl.sum_horizontal(pl.lit(0.0), *shares).rank("ordinal", descending=True)
    success = pl.col(c.LABEL) > 0
    drawn_of = pl.len().over(c.USER_ID, _IN_DRAW)
    nth = pl.col(_LOT).rank("ordinal").over(c.USER_ID, _IN_DRAW)
    return (
        labelled.with_columns(pl.Series(_LOT, rng.random(labelled.height)))
        .with_columns((~success & (agreed.over(c.USER_ID, success) > certain)).alias(_IN_DRAW))
        .with_columns(
            pl.when(_IN_DRAW).then((drawn_of / places).clip(1.0)).otherwise(1.0).cast(pl.Float32).alias(c.STANDS_FOR)
        )
        .filter(~pl.col(_IN_DRAW) | (nth <= places))
        .drop(_LOT, _IN_DRAW)
    )


_LOT, _IN_DRAW = "_lot", "_in_draw"
