"""How a release did on its later window, beside popularity, each generator alone, and the live release."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from pydantic import AwareDatetime, Field

from recsys import columns as c
from recsys.evaluation.bootstrap import Interval, Resampled
from recsys.evaluation.catalogue_metrics import catalogue_metrics
from recsys.evaluation.contestants import COMPARED, DEPTHS, LIVE, RANKED
from recsys.evaluation.facts import Facts
from recsys.evaluation.metrics import PER_USER, coverage, metric_name, per_user_metrics
from recsys.evaluation.paired import PairedTest, paired_test
from recsys.evaluation.slices import Slice, slices
from recsys.types import Frozen

__all__ = ["COMPARED", "DEPTHS", "LIVE", "RANKED", "Contestant", "EvaluationReport", "evaluate"]


class Contestant(Frozen):
    """One way to fill the slates."""

    metrics: dict[str, float]
    "Means over users, such as ndcg@10; coverage@k, and with facts the other metrics of the catalogue."
    intervals: dict[str, Interval]
    "By metric of COMPARED."
    cold: dict[str, float]
    "The means over users without history; empty where there are none."


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
    lift: dict[str, dict[str, Interval]] = Field(default_factory=dict)
    "The same as a fraction of the rival's mean; metrics in which the rival may have nothing are left out."
    tests: dict[str, dict[str, PairedTest]] = Field(default_factory=dict)
    "By rival, then by metric of COMPARED: whether ranked and rival differ by more than chance."
    slices: tuple[Slice, ...] = ()
    "Parts of the users and of the items; none without facts."


def evaluate(
    slates: Mapping[str, pl.DataFrame],
    truth: pl.DataFrame,
    *,
    warm_users: Sequence[str],
    catalogue: int,
    window: tuple[AwareDatetime, AwareDatetime],
    rng: np.random.Generator,
    facts: Facts | None = None,
) -> EvaluationReport:
    """Judges every contestant on the same users.

    Args:
        slates: user_id, item_id, rank by contestant; RANKED must be among them.
        truth: distinct pairs (user_id, item_id) of the window.
        warm_users: users with history before the window.
        catalogue: number of items that could have been shown.
        window: its start and its exclusive end.
        rng: draws the resamples.
        facts: what was known before the window, for slices and for the metrics of the catalogue; None: without them.
    """
    per_user = {name: per_user_metrics(slate, truth, ks=DEPTHS) for name, slate in slates.items()}
    is_warm = pl.col(c.USER_ID).is_in(pl.Series(warm_users, dtype=pl.String).implode())
    users = per_user[RANKED]
    rivals = [name for name in slates if name != RANKED]
    columns = [(name, metric) for name in slates for metric in COMPARED]
    at = {column: number for number, column in enumerate(columns)}
    values = np.column_stack([per_user[name][metric].to_numpy() for name, metric in columns])
    means = Resampled(values, rng=rng)
    lifts = {
        rival: {metric: means.lift(at[RANKED, metric], at[rival, metric]) for metric in COMPARED} for rival in rivals
    }
    contestants = {
        name: Contestant(
            metrics=_means(found) | _of_catalogue(slates[name], truth, catalogue, facts, rng),
            intervals={metric: means.mean(at[name, metric]) for metric in COMPARED},
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
        lead={
            rival: {metric: means.difference(at[RANKED, metric], at[rival, metric]) for metric in COMPARED}
            for rival in rivals
        },
        lift={
            rival: {metric: lift for metric, lift in found.items() if lift is not None}
            for rival, found in lifts.items()
        },
        tests={
            rival: {
                metric: paired_test(values[:, at[RANKED, metric]] - values[:, at[rival, metric]], rng=rng)
                for metric in COMPARED
            }
            for rival in rivals
        },
        slices=slices(slates, per_user, truth, facts, rng=rng) if facts else (),
    )


def _means(per_user: pl.DataFrame) -> dict[str, float]:
    if per_user.is_empty():
        return {}
    names = [metric_name(metric, k) for k in DEPTHS for metric in PER_USER]
    return per_user.select(pl.col(names).mean()).row(0, named=True)


def _of_catalogue(
    slates: pl.DataFrame, truth: pl.DataFrame, catalogue: int, facts: Facts | None, rng: np.random.Generator
) -> dict[str, float]:
    shown = slates.join(truth.select(c.USER_ID).unique(), on=c.USER_ID, how="semi")
    found = catalogue_metrics(shown, facts, ks=DEPTHS, rng=rng) if facts else {}
    return found | {metric_name("coverage", k): coverage(shown, k=k, catalogue=catalogue) for k in DEPTHS}
