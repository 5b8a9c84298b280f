"""How a release did on its later window, beside popularity, each generator alone, and the live release."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl
from pydantic import AwareDatetime

from recsys import columns as c
from recsys.evaluation.bootstrap import Interval, mean_interval
from recsys.evaluation.metrics import PER_USER, coverage, metric_name, per_user_metrics
from recsys.types import Frozen

DEPTHS: Final = (10, 20)
COMPARED: Final = ("ndcg@10", "recall@20")
"""Metrics with intervals and paired differences."""
RANKED: Final = "ranked"
"The challenger: the slates of the release that is judged."
LIVE: Final = "live"
"The incumbent: the live release's ranker on the same candidates."


class Contestant(Frozen):
    """One way to fill the slates."""

    metrics: dict[str, float]
    "Means over users, such as ndcg@10, and coverage@k."
    intervals: dict[str, Interval]
    "By metric of COMPARED."
    cold: dict[str, float]
    "The same means over users without history; empty where there are none."


class EvaluationReport(Frozen):
    """What the gate decides on."""

    window_start: AwareDatetime
    window_end: AwareDatetime
    "Exclusive."
    users: int
    "Users with truth."
    cold_users: int
    "Those of them without history."
    contestants: dict[str, Contestant]
    "By name: ranked, live where there is one, and each generator."
    lead: dict[str, dict[str, Interval]]
    "By rival, then by metric of COMPARED: ranked minus rival, paired per user."


def evaluate(
    slates: Mapping[str, pl.DataFrame],
    truth: pl.DataFrame,
    *,
    warm_users: Sequence[str],
    catalogue: int,
    window: tuple[AwareDatetime, AwareDatetime],
    rng: np.random.Generator,
) -> EvaluationReport:
    """Judges every contestant on the same users.

    Args:
        slates: user_id, item_id, rank by contestant; RANKED must be among them.
        truth: distinct pairs (user_id, item_id) of the window.
        warm_users: users with history before the window.
        catalogue: number of items that could have been shown.
        window: its start and its exclusive end.
        rng: draws the resamples.
    """
    per_user = {name: per_user_metrics(slate, truth, ks=DEPTHS) for name, slate in slates.items()}
    is_warm = pl.col(c.USER_ID).is_in(pl.Series(warm_users, dtype=pl.String).implode())
    users = per_user[RANKED]
    lead = {
        rival: {metric: _interval(users[metric] - found[metric], rng) for metric in COMPARED}
        for rival, found in per_user.items()
        if rival != RANKED
    }
    contestants = {
        name: Contestant(
            metrics=_means(found) | _coverages(slates[name], truth, catalogue),
            intervals={metric: _interval(found[metric], rng) for metric in COMPARED},
            cold=_means(found.filter(~is_warm)),
        )
        for name, found in per_user.items()
    }
    return EvaluationReport(
        window_start=window[0],
        window_end=window[1],
        users=users.height,
        cold_users=users.filter(~is_warm).height,
        contestants=contestants,
        lead=lead,
    )


def _interval(values: pl.Series, rng: np.random.Generator) -> Interval:
    return mean_interval(values.to_numpy(), rng=rng)


def _means(per_user: pl.DataFrame) -> dict[str, float]:
    if per_user.is_empty():
        return {}
    names = [metric_name(metric, k) for k in DEPTHS for metric in PER_USER]
    return per_user.select(pl.col(names).mean()).row(0, named=True)


def _coverages(slates: pl.DataFrame, truth: pl.DataFrame, catalogue: int) -> dict[str, float]:
    shown = slates.join(truth.select(c.USER_ID).unique(), on=c.USER_ID, how="semi")
    return {metric_name("coverage", k): coverage(shown, k=k, catalogue=catalogue) for k in DEPTHS}
