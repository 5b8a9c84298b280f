"""What users did before an experiment, of the kind that it measures: takes away what differed between arms already."""

from datetime import datetime, timedelta

import polars as pl

from recsys import columns as c
from recsys.sites.experiment import Experiment


def pre_period(experiment: Experiment, interactions: pl.LazyFrame, *, start: datetime, days: int) -> pl.LazyFrame:
    """user_id, before: number of the users' events, or sum of their values, in so many days before the start.

    Clicks for click rates, purchases for conversion, their value for revenue, and so on; nobody where the metric is
    about requests. Users who did nothing of the kind are left out.

    Args:
        experiment: for its metric and its kinds of events.
        interactions: schema INTERACTIONS; all of a user's, also outside of slates.
        start: of the experiment: nothing later is looked at, since the arms may have changed it.
        days: how far to look back.
    """
    kinds = experiment.events
    types, by_value = {
        "ctr": (kinds.click, False),
        "examined_ctr": (kinds.click, False),
        "add_to_cart": (kinds.cart, False),
        "conversion": (kinds.purchase, False),
        "revenue": (kinds.purchase, True),
        "dwell": (kinds.dwell, True),
        "rating": (kinds.rating, True),
    }.get(experiment.metric, ((), False))
    return (
        interactions.filter(
            pl.col(c.EVENT_TYPE).is_in(list(types)),
            pl.col(c.TIMESTAMP).is_between(start - timedelta(days=days), start, closed="left"),
        )
        .unique(c.EVENT_ID, keep="any")
        .group_by(c.USER_ID)
        .agg((pl.col(c.VALUE).sum() if by_value else pl.len()).cast(pl.Float64).alias(c.BEFORE))
        .sort(c.USER_ID)
    )
