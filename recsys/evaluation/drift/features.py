"""Which features, and whether the scores, are other than those that were learned from."""

from collections.abc import Sequence
from typing import Final

import polars as pl

from recsys.evaluation.drift.distributions import Change, change
from recsys.evaluation.gate.check import Check, at_most, number
from recsys.sites.drift_policy import DriftPolicy

SPARE: Final = 2.0
"""So many times the largest difference between days that were alike is no drift."""


def measure(reference: pl.DataFrame, current: pl.DataFrame, *, min_rows: int) -> dict[str, Change]:
    """How far each column lies from the training window's, farthest first; columns of only one side are left out.

    Empty where either side has fewer than ``min_rows`` rows.

    Args:
        reference: rows of the training window, one column per feature (or score).
        current: the same of now.
        min_rows: see DriftPolicy.
    """
    if min(reference.height, current.height) < min_rows:
        return {}
    both = [name for name in reference.columns if name in current.columns]
    found = {name: change(reference[name], current[name]) for name in both}
    return dict(sorted(found.items(), key=lambda each: (-each[1].psi, -each[1].ks, each[0])))


def beyond_usual(found: dict[str, Change], usual: Sequence[dict[str, Change]]) -> dict[str, Change]:
    """The same, less twice the most that lies between single days of the training window anyway; farthest first.

    Rows of one day are alike: many meet the same item. So days differ more than as many independent rows would.

    Args:
        found: what ``measure`` gives of the training window and now.
        usual: what it gives of the training window's other days and each of its days.
    """
    less = {
        name: Change(
            psi=max(0.0, each.psi - SPARE * max((day[name].psi for day in usual if name in day), default=0.0)),
            ks=max(0.0, each.ks - SPARE * max((day[name].ks for day in usual if name in day), default=0.0)),
        )
        for name, each in found.items()
    }
    return dict(sorted(less.items(), key=lambda each: (-each[1].psi, -each[1].ks, each[0])))


def checks(found: dict[str, Change], policy: DriftPolicy) -> list[Check]:
    """What the policy asks of features; those beyond a bound are named, farthest first."""
    return [
        farthest("a feature's drift from the training window (PSI)", _psi(found), policy.max_feature_psi),
        farthest(
            "a feature's distance from the training window (KS)",
            {name: each.ks for name, each in found.items()},
            policy.max_feature_ks,
        ),
    ]


def score_checks(found: dict[str, Change], policy: DriftPolicy) -> list[Check]:
    """What the policy asks of scores."""
    return [farthest("the scores' drift from the training window (PSI)", _psi(found), policy.max_score_psi)]


def _psi(found: dict[str, Change]) -> dict[str, float]:
    return {name: each.psi for name, each in found.items()}


def farthest(name: str, found: dict[str, float], bound: float) -> Check:
    """None is beyond the bound; else those that are, are named, farthest first."""
    beyond: Sequence[str] = sorted((each for each in found if found[each] > bound), key=lambda each: -found[each])
    return at_most(name, max(found.values(), default=0.0), bound, number, items=beyond)
