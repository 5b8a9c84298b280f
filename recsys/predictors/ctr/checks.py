"""What the table of impressions must be like before a click probability is learned from it."""

from typing import Final

import polars as pl

from recsys.events.quality.report import Check
from recsys.predictors.ctr.counting import blocks_of
from recsys.predictors.table_checks import base_rate, fewest, shares
from recsys.sites.predictor_policy import CtrPolicy

KEY: Final = "predictors.ctr.checks"


def ctr_checks(rows: pl.DataFrame, policy: CtrPolicy) -> list[Check]:
    """Every check of the policy, passed or not; ``rows`` as for ``fit_ctr``."""
    bounds, clicks = policy.checks, int(rows[policy.label].sum())
    count = max(rows.height, 1)
    held = blocks_of(rows.height, policy.folds) == policy.folds - 1
    before, after = rows.filter(~held), rows.filter(held)
    nulls = {name: rows[name].null_count() / count for name in bounds.max_null_share if name in rows.columns}
    unseen = {
        name: 1
        - after.join(before.select(name).unique(), on=name, how="semi", nulls_equal=True).height / max(after.height, 1)
        for name in bounds.max_unseen_share
        if name in rows.columns
    }
    return [
        fewest("rows", f"{KEY}.min_rows", rows.height, bounds.min_rows),
        fewest("clicks", f"{KEY}.min_clicks", clicks, bounds.min_clicks),
        base_rate(f"{KEY}.base_rate", clicks, rows.height, bounds.base_rate),
        *shares("nulls", f"{KEY}.max_null_share", nulls, bounds.max_null_share),
        *shares("values not seen before", f"{KEY}.max_unseen_share", unseen, bounds.max_unseen_share),
    ]
