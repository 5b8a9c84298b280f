"""Whether what somebody knows is proposed again: never, the less the fresher, the more the fresher, or as learned.

What is learned is when people come back. For each event type and time since, the rate of return is the number of
returns to an item over the days in which one was possible; beside it stands the rate at which users take an item they
never met, shared out among as many items as are proposed. The ratio says how much likelier the known item is.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import PositiveFloat, PositiveInt

from recsys import columns as c
from recsys.types import Frozen

PAIR = [c.USER_ID, c.ITEM_ID]
EDGES: Final = (0.0, 1 / 24, 0.25, 1.0, 2.0, 4.0, 7.0, 10.0, 14.0, 21.0, 30.0, 45.0, 60.0, 90.0, 180.0, 365.0)
"""Days since the last event at which a new rate begins; the last one has no end."""
LEAST: Final = 1e-9
"""The factor of what counts nothing, where it cannot be left out."""
PRIOR_RETURNS: Final = 3.0
"""A rate is drawn to the mean rate of its event type as by so many returns."""
RETURNS: Final = pl.Schema(
    {
        c.EVENT_TYPE: pl.String(),
        c.AGE_DAYS: pl.Float64(),
        c.DAYS: pl.Float64(),
        c.HITS: pl.Int64(),
        c.RATE: pl.Float64(),
    }
)
"""Per event type and start of an interval since it: days at risk of all pairs, returns, smoothed returns per day."""


Weigh = Callable[[pl.DataFrame, NDArray[np.float64]], NDArray[np.float64]]
"""Pairs and a ranker's scores of them → what these become, because of what the user knows."""


class RepeatPolicy(Frozen):
    """What becomes of known items on one surface."""

    mode: Literal["block", "decay", "favour", "learned"] = "block"
    "block: never again; decay: the less the fresher; favour: the more the fresher; learned: as people come back."
    half_life_days: PositiveFloat = 30.0
    "For decay and favour: after so many days half of the effect is left."
    strength: PositiveFloat = 1.0
    "For favour: an item of this moment counts 1 + strength times."
    proposed: PositiveInt = 100
    "For learned: items proposed to a user, among which new ones share what users newly take."


class Repeats:
    """A policy that knows what users did before a moment."""

    def __init__(self, policy: RepeatPolicy, known: pl.DataFrame, factors: pl.DataFrame) -> None:
        self.policy = policy
        self._known = known
        self._factors = factors

    @classmethod
    def of(cls, interactions: pl.DataFrame, policy: RepeatPolicy, *, as_of: datetime) -> Self:
        """Learns from interactions (schema INTERACTIONS), all before ``as_of``."""
        last = _ordered(interactions).group_by(PAIR, maintain_order=True).agg(pl.col(c.TIMESTAMP, c.EVENT_TYPE).last())
        known = last.select(*PAIR, c.EVENT_TYPE, _days(pl.lit(as_of) - pl.col(c.TIMESTAMP)).alias(c.AGE_DAYS))
        rates = returns(interactions, as_of=as_of)
        new = _rate_of_new(interactions, as_of=as_of) / policy.proposed
        relative = pl.col(c.RATE) / new if new > 0 else pl.lit(1.0)
        factors = rates.select(c.EVENT_TYPE, c.AGE_DAYS, relative.alias(c.WEIGHT)).sort(c.AGE_DAYS)
        return cls(policy, known.sort(PAIR), factors)

    def factors(self, pairs: pl.DataFrame) -> pl.Series:
        """By how much each of ``pairs`` (user_id, item_id) counts more, Float64 from 0; 1 where the item is new."""
        policy = self.policy
        fresh = 0.5 ** (pl.col(c.AGE_DAYS) / policy.half_life_days)
        met = pairs.select(PAIR).join(self._known, on=PAIR, how="left", maintain_order="left")
        if policy.mode == "learned":
            told = met.with_row_index(c.RANK).sort(c.AGE_DAYS, nulls_last=True)
            told = told.filter(pl.col(c.AGE_DAYS).is_not_null()).join_asof(
                self._factors, on=c.AGE_DAYS, by=c.EVENT_TYPE, check_sortedness=False
            )
            learned = met.with_row_index(c.RANK).join(
                told.select(c.RANK, c.WEIGHT), on=c.RANK, how="left", maintain_order="left"
            )
            return learned[c.WEIGHT].fill_null(1.0).rename(c.WEIGHT)
        effect = {"block": pl.lit(0.0), "decay": 1 - fresh, "favour": 1 + policy.strength * fresh}[policy.mode]
        chosen = pl.when(pl.col(c.AGE_DAYS).is_null()).then(1.0).otherwise(effect)
        return met.select(chosen.cast(pl.Float64).alias(c.WEIGHT))[c.WEIGHT]

    def weigh(self, pairs: pl.DataFrame, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """A ranker's scores of ``pairs``, which are logarithms of odds, with the logarithms of the factors added."""
        moved: NDArray[np.float64] = scores + np.log(np.maximum(self.factors(pairs).to_numpy(), LEAST))
        return moved

    def apply(self, candidates: pl.DataFrame) -> pl.DataFrame:
        """Candidates (schema CANDIDATES) with their positive scores multiplied, ranked anew per source.

        What counts 0 is left out; scores that are not positive are divided instead, so that favour is never a loss.
        """
        factor, score = pl.col(c.WEIGHT), pl.col(c.SCORE)
        weighed = candidates.with_columns(self.factors(candidates)).filter(factor > 0)
        moved = weighed.with_columns(pl.when(score > 0).then(score * factor).otherwise(score / factor).alias(c.SCORE))
        nth = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over(c.USER_ID, c.SOURCE)
        best_first = moved.sort(c.USER_ID, c.SOURCE, c.SCORE, c.ITEM_ID, descending=[False, False, True, False])
        return best_first.with_columns(nth.alias(c.RANK)).select(candidates.columns)


def returns(interactions: pl.DataFrame, *, as_of: datetime) -> pl.DataFrame:
    """How often users come back to an item, by the type of their last event with it and the time since: schema RETURNS.

    A pair is at risk from each of its events until the next one, or until ``as_of``. Sorted by type and time.
    """
    ordered = _ordered(interactions).with_columns(pl.col(c.TIMESTAMP).shift(-1).over(PAIR).alias(_NEXT))
    gaps = ordered.select(
        c.EVENT_TYPE,
        _days(pl.col(_NEXT).fill_null(pl.lit(as_of)) - pl.col(c.TIMESTAMP)).alias(_GAP),
        pl.col(_NEXT).is_not_null().alias(_CAME),
    )
    frames = [pl.DataFrame(schema=RETURNS)]
    for (kind,), rows in gaps.sort(pl.all()).group_by([c.EVENT_TYPE], maintain_order=True):
        gap, came = rows[_GAP].to_numpy(), rows[_CAME].to_numpy()
        low, high = np.array(EDGES), np.array([*EDGES[1:], np.inf])
        at_risk = np.array([np.clip(gap, a, b).sum() - a * len(gap) for a, b in zip(low, high, strict=True)])
        back = np.histogram(gap[came], bins=[*EDGES, np.inf])[0]
        mean = back.sum() / max(at_risk.sum(), 1e-9)
        rate = (
            (back + PRIOR_RETURNS * (mean > 0)) / (at_risk + PRIOR_RETURNS / mean) if mean > 0 else np.zeros(len(low))
        )
        frames.append(
            pl.DataFrame(
                {c.EVENT_TYPE: [kind] * len(low), c.AGE_DAYS: low, c.DAYS: at_risk, c.HITS: back, c.RATE: rate},
                schema=RETURNS,
            )
        )
    return pl.concat(frames)


def _rate_of_new(interactions: pl.DataFrame, *, as_of: datetime) -> float:
    """Items that a user newly meets per day since the user's first event; the very first is not counted."""
    first = interactions.group_by(PAIR).agg(pl.col(c.TIMESTAMP).min())
    users = first.group_by(c.USER_ID).agg(
        (pl.len() - 1).alias(c.HITS), _days(pl.lit(as_of) - pl.col(c.TIMESTAMP).min()).alias(c.DAYS)
    )
    days = float(users[c.DAYS].sum())
    return float(users[c.HITS].sum()) / days if days > 0 else 0.0


def _ordered(interactions: pl.DataFrame) -> pl.DataFrame:
    return interactions.select(*PAIR, c.TIMESTAMP, c.EVENT_TYPE).sort(*PAIR, c.TIMESTAMP, c.EVENT_TYPE)


def _days(span: pl.Expr) -> pl.Expr:
    return span.dt.total_microseconds() / 86_400e6


_NEXT, _GAP, _CAME = "next", "gap", "came"
