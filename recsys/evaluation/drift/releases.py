"""Do releases narrow: what is shown is clicked, what is clicked is learned, what is learned is shown."""

from collections.abc import Sequence

import polars as pl

from recsys import columns as c
from recsys.evaluation.gate.check import Check, at_least, at_most, hours, percent
from recsys.sites.drift_policy import DriftPolicy


def churn(before: pl.DataFrame, now: pl.DataFrame) -> float | None:
    """Share of the available items that came or went, of all that were available at either time; None without any.

    Args:
        before: item_id, available; the catalogue that the live release knows.
        now: the same of now.
    """
    known, present = (set(each.filter(pl.col(c.AVAILABLE))[c.ITEM_ID]) for each in (before, now))
    return len(known ^ present) / len(known | present) if known | present else None


def checks(
    policy: DriftPolicy, *, varieties: Sequence[float], release_age_hours: float | None, catalogue_churn: float | None
) -> list[Check]:
    """What the policy asks of the live release.

    Args:
        policy: the bounds.
        varieties: ``recsys.evaluation.gate.slates.variety`` of the slates of each release, oldest first, the live last.
        release_age_hours: hours since what the live release knows ended; None: no release is live, nothing is asked.
        catalogue_churn: what ``churn`` gives; None: not asked.
    """
    found = []
    if release_age_hours is not None:
        found.append(
            at_most(
                "the age of what the live release knows, in hours",
                release_age_hours,
                policy.max_release_age_hours,
                hours,
            )
        )
    if catalogue_churn is not None:
        found.append(at_most("items that came or went", catalogue_churn, policy.max_catalogue_churn, percent))
    if len(varieties) >= 2 and (most := max(varieties[:-1])) > 0:
        name = "the variety of what is shown, relative to the most varied release before"
        found.append(at_least(name, varieties[-1] / most, policy.min_variety, percent))
    return found
