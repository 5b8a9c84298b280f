"""Is the log whole and fresh: its newest event, and each of its last days beside what is usual."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.evaluation.gate.check import SAMPLES, Check, at_most, count, hours, not_measured
from recsys.evaluation.gate.evidence import DataEvidence, Day
from recsys.sites.gate_policy import GatePolicy

DAY: Final = 86_400_000_000
"""In microseconds, which times are kept in."""
WEEKS: Final = 4
"""Weeks before a day that say what is usual on its weekday."""
LEAST_WEEKS: Final = 2
"""A day with fewer known weeks before it is not judged."""
LEAST_USUAL: Final = 20
"""Nor is it judged by what is so rare: chance alone would move it."""
COUNTED: Final = ("events", "users", "items")
"""A day may have lost its events, or all users but one, or all items but one."""


def measure(interactions: pl.DataFrame, *, as_of: datetime, days: int, refused: Sequence[str]) -> DataEvidence:
    """What the last ``days`` days before ``as_of`` hold.

    Args:
        interactions: user_id, item_id, timestamp; all before ``as_of``.
        as_of: exclusive; days are stretches of 24 hours that end there. The day of the newest event is compared with
            others up to the same time of day: it may not be over.
        days: how many.
        refused: partitions of these days that were refused when they were ingested last.
    """
    if interactions.is_empty():
        return DataEvidence(newest_age_hours=None, days=(), refused=tuple(refused))
    age = (pl.lit(as_of) - pl.col(c.TIMESTAMP)).dt.total_microseconds()
    aged = interactions.select(c.USER_ID, c.ITEM_ID, age.alias(c.AGE_DAYS))
    newest, oldest = (int(age) for age in aged.select(low=pl.min(c.AGE_DAYS), high=pl.max(c.AGE_DAYS)).row(0))
    passed, since = pl.col(c.AGE_DAYS) // DAY, pl.col(c.AGE_DAYS) % DAY
    comparable = ((passed - newest // DAY) % 7 != 0) | (since >= newest % DAY)
    counts = (
        aged.filter(comparable)
        .group_by(passed.alias(c.DAY))
        .agg(pl.len(), pl.col(c.USER_ID).n_unique(), pl.col(c.ITEM_ID).n_unique())
    )
    known = oldest // DAY
    found = {day: numbers for day, *numbers in counts.iter_rows()}
    judged = (_judged(found, known, day, as_of) for day in reversed(range(days)))
    return DataEvidence(
        newest_age_hours=24 * newest / DAY, days=tuple(each for day in judged for each in day), refused=tuple(refused)
    )


def checks(evidence: DataEvidence | None, policy: GatePolicy) -> list[Check]:
    """What the policy asks of the data."""
    if evidence is None:
        return [not_measured("the data", f"the last {policy.data_days} days of the log looked at")]
    last = f"the last {policy.data_days} days"
    few = [each for each in evidence.days if each.found < policy.min_day_volume * each.usual]
    found = [
        at_most("the newest event's age in hours", evidence.newest_age_hours, policy.max_event_age_hours, hours),
        at_most(
            f"the number of partitions of {last} that were refused",
            len(evidence.refused),
            policy.max_refused_partitions,
            count,
            items=evidence.refused,
        ),
        _usual(f"a day of {last} with too little", few, f"at least {policy.min_day_volume:g} times the usual"),
    ]
    if policy.max_day_volume is None:
        return found
    many = [each for each in evidence.days if each.found > policy.max_day_volume * each.usual]
    most = f"at most {policy.max_day_volume:g} times the usual"
    return [*found, _usual(f"a day of {last} with too much", many, most)]


def _usual(name: str, odd: Sequence[Day], expected: str) -> Check:
    told = ", ".join(
        f"{each.day} with {each.found:,} {each.what} where {each.usual:,.0f} are usual" for each in odd[:SAMPLES]
    )
    return Check(name=name, passed=not odd, found=told or "none", expected=expected)


def _judged(found: Mapping[int, Sequence[int]], known: int, passed: int, as_of: datetime) -> Iterator[Day]:
    """The day that ended ``passed`` days before ``as_of``, by each of COUNTED of which it is known what is usual."""
    nothing = [0] * len(COUNTED)
    before = [found.get(passed + 7 * week, nothing) for week in range(1, WEEKS + 1) if passed + 7 * week <= known]
    if len(before) < LEAST_WEEKS:
        return
    day = (as_of - timedelta(days=passed + 1)).date()
    for what, mine, *theirs in zip(COUNTED, found.get(passed, nothing), *before, strict=True):
        if (usual := median(theirs)) >= LEAST_USUAL:
            yield Day(day=day, what=what, found=mine, usual=usual)
