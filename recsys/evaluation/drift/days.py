"""Days of the log beside the same weekdays of the weeks before: volumes, the mix of events, who and what is new."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from statistics import median
from typing import Final

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.evaluation.bootstrap import Floats
from recsys.evaluation.drift.distributions import shift
from recsys.evaluation.gate import data
from recsys.evaluation.gate.check import SAMPLES, Check, at_most, hours, percent
from recsys.evaluation.gate.evidence import DataEvidence
from recsys.sites.drift_policy import DriftPolicy
from recsys.types import Frozen

_FIRST: Final = "_first"


class DayShares(Frozen):
    """What is compared of one day; of a day with too few events nothing is."""

    day: date
    mix_shift: float
    "Share of the events that are of another type than usual."
    cold_rise: float
    "Share of the users who were never seen before, less the usual one."
    new_item_rise: float
    "Share of the events with items that were never seen before, less the usual one."


class DaysEvidence(Frozen):
    """The last days, beside what is usual."""

    volumes: DataEvidence
    shares: tuple[DayShares, ...]


def measure(interactions: pl.DataFrame, *, as_of: datetime, days: int, min_rows: int) -> DaysEvidence:
    """What the last ``days`` UTC days before ``as_of`` hold, beside the same weekdays of four weeks before.

    Args:
        interactions: user_id, item_id, event_type, timestamp; all before ``as_of``, as far back as is known.
        as_of: midnight, UTC.
        days: how many.
        min_rows: days with fewer events are not judged, nor are they "usual".
    """
    volumes = data.measure(interactions, as_of=as_of, days=days, refused=())
    dated = interactions.with_columns(pl.col(c.TIMESTAMP).dt.date().alias(c.DAY))
    by_day = _by_day(dated)
    types = sorted(interactions[c.EVENT_TYPE].unique().drop_nulls())
    mixes = _mixes(dated, types)
    judged = (_judged(as_of.date() - timedelta(days=back), by_day, mixes, min_rows) for back in range(days, 0, -1))
    return DaysEvidence(volumes=volumes, shares=tuple(each for found in judged for each in found))


def checks(evidence: DaysEvidence, policy: DriftPolicy) -> list[Check]:
    """What the policy asks of the days."""
    volumes = evidence.volumes.days
    few = [each for each in volumes if each.found < policy.min_day_volume * each.usual]
    many = [each for each in volumes if each.found > policy.max_day_volume * each.usual]
    told = [f"{each.day} with {each.found:,} {each.what}, usual {each.usual:,.0f}" for each in (*few, *many)[:SAMPLES]]
    usual = f"{policy.min_day_volume:g} to {policy.max_day_volume:g} times the usual"
    return [
        at_most(
            "the newest event's age in hours", evidence.volumes.newest_age_hours, policy.max_event_age_hours, hours
        ),
        Check(name="a day's volume", passed=not told, found="; ".join(told) or "as usual", expected=usual),
        *(
            at_most(
                name,
                max((getattr(each, key) for each in evidence.shares), default=0.0),
                bound,
                percent,
                items=[f"{each.day}" for each in evidence.shares if getattr(each, key) > bound],
            )
            for name, key, bound in (
                ("events of another type than usual", "mix_shift", policy.max_mix_shift),
                ("users never seen before, above the usual share", "cold_rise", policy.max_cold_rise),
                ("events with new items, above the usual share", "new_item_rise", policy.max_new_item_rise),
            )
        ),
    ]


def _by_day(dated: pl.DataFrame) -> dict[date, tuple[int, float, float]]:
    """Events, share of cold users and share of events with new items, of each day."""
    marked = dated.with_columns(
        (pl.col(c.DAY).min().over(c.ITEM_ID) == pl.col(c.DAY)).alias(c.SHARE),
        (pl.col(c.DAY).min().over(c.USER_ID) == pl.col(c.DAY)).alias(_FIRST),
    )
    rows = marked.group_by(c.DAY).agg(
        pl.len(),
        pl.col(c.USER_ID).filter(pl.col(_FIRST)).n_unique() / pl.col(c.USER_ID).n_unique().alias(c.USER_ID),
        pl.col(c.SHARE).mean(),
    )
    return {day: (events, cold, new) for day, events, cold, new in rows.iter_rows()}


def _mixes(dated: pl.DataFrame, types: list[str]) -> dict[date, Floats]:
    """Events of each type, of each day."""
    counts = dated.group_by(c.DAY, c.EVENT_TYPE).len()
    found = {day: np.zeros(len(types)) for day in counts[c.DAY].unique()}
    for day, kind, number in counts.drop_nulls().iter_rows():
        found[day][types.index(kind)] = number
    return found


def _judged(
    day: date, by_day: dict[date, tuple[int, float, float]], mixes: dict[date, Floats], min_rows: int
) -> Iterator[DayShares]:
    before = [
        each
        for week in range(1, data.WEEKS + 1)
        if by_day.get(each := day - timedelta(weeks=week), (0,))[0] >= min_rows
    ]
    if by_day.get(day, (0,))[0] < min_rows or len(before) < data.LEAST_WEEKS:
        return
    _, cold, new = by_day[day]
    yield DayShares(
        day=day,
        mix_shift=shift(np.sum([mixes[each] for each in before], axis=0), mixes[day]),
        cold_rise=cold - median(by_day[each][1] for each in before),
        new_item_rise=new - median(by_day[each][2] for each in before),
    )
