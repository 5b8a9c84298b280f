"""The same judgement for parts of the users, and for parts of the catalogue."""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.evaluation.bootstrap import Interval, Resampled
from recsys.evaluation.contestants import COMPARED, DEPTHS, LIVE, POPULARITY, RANKED
from recsys.evaluation.facts import Facts
from recsys.evaluation.metrics import per_user_metrics
from recsys.types import Frozen

SHOWN: Final = (RANKED, POPULARITY, LIVE)
"""Contestants that are told apart by slice, as far as there are any."""
ACTIVITY: Final = ((1, 4), (5, 19), (20, 99), (100, None))
"""Events before the window, first and last."""
AGES: Final = ((0, 7), (7, 30), (30, 90), (90, None))
"""Days since an item was first met: from, and until (exclusive)."""
CATEGORIES: Final = 10
"""Those with most of the truth have a slice of their own; the rest are one."""
OTHERS: Final = "other categories"


class Slice(Frozen):
    """How some of the users, or some of the items, fared."""

    by: str
    "history, activity, item age, category."
    name: str
    users: int
    "Users with truth in the slice."
    metrics: dict[str, dict[str, float]]
    "By contestant, then by metric of COMPARED: the mean over these users."
    lead: dict[str, dict[str, Interval]]
    "By rival, then by metric of COMPARED: ranked minus rival, paired per user."


def slices(
    slates: Mapping[str, pl.DataFrame],
    per_user: Mapping[str, pl.DataFrame],
    truth: pl.DataFrame,
    facts: Facts,
    *,
    rng: np.random.Generator,
) -> tuple[Slice, ...]:
    """Every slice that somebody is in.

    A slice of users has these users' metrics. A slice of items has the metrics of the whole slates against the truth
    that lies in the slice, over the users who have such truth.

    Args:
        slates: user_id, item_id, rank by contestant.
        per_user: ``per_user_metrics`` of each, on the same users.
        truth: distinct pairs (user_id, item_id).
        facts: what was known before.
        rng: draws the resamples.
    """
    names = [name for name in SHOWN if name in slates]
    found = [
        _judge(by, name, {each: per_user[each].join(users, on=c.USER_ID, how="semi") for each in names}, rng)
        for by, name, users in _of_users(per_user[RANKED].select(c.USER_ID), facts)
    ]
    found += [
        _judge(by, name, {each: per_user_metrics(slates[each], part, ks=DEPTHS) for each in names}, rng)
        for by, name, part in _of_items(truth, facts)
    ]
    return tuple(each for each in found if each.users)


def _judge(by: str, name: str, per_user: Mapping[str, pl.DataFrame], rng: np.random.Generator) -> Slice:
    names = list(per_user)
    columns = [(each, metric) for each in names for metric in COMPARED]
    values = np.column_stack([per_user[each][metric].to_numpy() for each, metric in columns])
    means = Resampled(values, rng=rng)
    at = {column: number for number, column in enumerate(columns)}
    return Slice(
        by=by,
        name=name,
        users=len(values),
        metrics={each: {metric: means.mean(at[each, metric]).mean for metric in COMPARED} for each in names},
        lead={
            rival: {metric: means.difference(at[RANKED, metric], at[rival, metric]) for metric in COMPARED}
            for rival in names
            if rival != RANKED
        },
    )


def _of_users(judged: pl.DataFrame, facts: Facts) -> Iterator[tuple[str, str, pl.DataFrame]]:
    known = judged.join(facts.users, on=c.USER_ID, how="left").with_columns(pl.col(c.USER_EVENTS).fill_null(0))
    events = pl.col(c.USER_EVENTS)
    yield "history", "with history", known.filter(events > 0)
    yield "history", "without history", known.filter(events == 0)
    for first, last in ACTIVITY:
        name = f"{first} to {last} events" if last else f"{first} events and more"
        yield "activity", name, known.filter(events.is_between(first, last or 2**62))


def _of_items(truth: pl.DataFrame, facts: Facts) -> Iterator[tuple[str, str, pl.DataFrame]]:
    known = truth.join(facts.items, on=c.ITEM_ID, how="left")
    age = pl.col(c.ITEM_AGE_DAYS)
    yield "item age", "never met before", known.filter(age.is_null())
    for start, end in AGES:
        name = f"{start} days and more" if end is None else f"{start} to {end} days" if start else f"under {end} days"
        yield "item age", name, known.filter(age.is_between(start, end or 2**62, closed="left"))
    if facts.has_categories:
        yield from _of_categories(known.with_columns(pl.col(c.CATEGORY).fill_null("no category")))


def _of_categories(known: pl.DataFrame) -> Iterator[tuple[str, str, pl.DataFrame]]:
    sizes = known.group_by(c.CATEGORY).len().sort("len", c.CATEGORY, descending=[True, False])
    largest = sizes[c.CATEGORY].head(CATEGORIES).to_list()
    for category in largest:
        yield "category", category, known.filter(pl.col(c.CATEGORY) == category)
    yield "category", OTHERS, known.filter(~pl.col(c.CATEGORY).is_in(largest))
