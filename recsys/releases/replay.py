"""Whether what is known at a moment changes when all that came later is taken out of the log: it must not."""

from dataclasses import fields, replace
from datetime import datetime
from typing import Any, Final

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.ranking.training_rows import drawn
from recsys.releases.moments import PAIR, Log, Moment

USERS: Final = 200
"""Users whose candidates are described again."""
TOLERANCE: Final = 1e-4
"""Relative; features are kept in single precision."""


def cut(log: Log, moment: datetime) -> Log:
    """The log as it was at ``moment``, exclusive: what came later is not in it."""
    parts = {each.name: getattr(log, each.name) for each in fields(log)}
    frames = {name: part for name, part in parts.items() if isinstance(part, pl.DataFrame)}
    earlier: dict[str, Any] = {name: frame.filter(pl.col(c.TIMESTAMP) < moment) for name, frame in frames.items()}
    return replace(log, **earlier)


def knows_later(rows: pl.DataFrame, moment: Moment, *, rng: np.random.Generator) -> list[str]:
    """Features of ``rows`` that are others when they are made from the log that was ``cut``; sorted.

    Looks at what is known of users and items; scores of generators are not made again.

    Args:
        rows: candidates with features, as of the same time.
        moment: made from the log that was cut there.
        rng: draws the users that are looked at.
    """
    users = drawn(rows[c.USER_ID].unique().sort().to_list(), at_most=USERS, rng=rng)
    some = rows.filter(pl.col(c.USER_ID).is_in(users))
    again = moment.recall.knowledge.describe(some.select(PAIR))
    names = [name for name in again.columns if name not in PAIR and name in some.columns]
    return sorted(name for name in names if _differ(some[name], again[name]))


def _differ(told: pl.Series, again: pl.Series) -> bool:
    if not told.dtype.is_numeric():
        return not told.equals(again.cast(told.dtype), null_equal=True)
    left, right = (each.cast(pl.Float64).fill_null(float("nan")).to_numpy() for each in (told, again))
    return not np.allclose(left, right, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
