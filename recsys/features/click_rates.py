"""How often what was shown was acted upon, per item and per category, drawn towards the mean where it was shown seldom.

An item's rate is (actions + s · rate of its category) / (showings + s), the category's the same with the rate of all;
s, how many showings the mean is worth, comes from how much the rates differ beyond chance. Nothing is set by hand.

What a training row is told was counted before its label window began, so that no row takes part in its own rate.
Positions are not accounted for: an item that was shown further down has a lower rate.

Source: Kleinman, "Proportions with extraneous variance: single and independent samples", JASA 68, 1973 (moments).
"""

from typing import Final

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.features.exact import exact

LEAST_CORRELATION: Final = 1e-6
MOST_CORRELATION: Final = 0.5
"""Of two showings of the same item; they bound what the mean is worth: a million showings, or one."""
CLICK_RATES: Final = pl.Schema(
    {
        c.ITEM_ID: pl.String(),
        c.SHOWN: pl.UInt32(),
        c.CLICKED: pl.UInt32(),
        c.ITEM_CLICK_RATE: pl.Float64(),
        c.CATEGORY_CLICK_RATE: pl.Float64(),
    }
)
"""One row per item; sorted by it. Rates in [0, 1]."""


def click_rates(impressions: pl.DataFrame, interactions: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """Schema CLICK_RATES, for every item of ``items`` or shown; no rows where nothing was shown.

    Args:
        impressions: schema IMPRESSIONS, all known by now; those without request_id tell nothing.
        interactions: schema INTERACTIONS; one that names a request and an item shown there is an action.
        items: item_id and category.
    """
    request = [c.REQUEST_ID, c.ITEM_ID]
    shown = impressions.filter(pl.col(c.REQUEST_ID).is_not_null()).explode(c.ITEMS)
    shown = shown.select(c.REQUEST_ID, pl.col(c.ITEMS).alias(c.ITEM_ID)).drop_nulls().unique()
    if shown.is_empty():
        return CLICK_RATES.to_frame()
    acted = interactions.select(request).drop_nulls().unique().with_columns(pl.lit(True).alias(_ACTED))
    counts = (
        shown.join(acted, on=request, how="left")
        .group_by(c.ITEM_ID)
        .agg(pl.len().alias(c.SHOWN), pl.col(_ACTED).sum().alias(c.CLICKED))
        .join(items.select(c.ITEM_ID, c.CATEGORY), on=c.ITEM_ID, how="full", coalesce=True)
        .with_columns(pl.col(c.SHOWN, c.CLICKED).fill_null(0))
        .sort(c.ITEM_ID)
    )
    by_category = counts.group_by(c.CATEGORY).agg(pl.col(c.SHOWN, c.CLICKED).sum()).sort(c.CATEGORY)
    overall = pl.lit(counts.select(pl.col(c.CLICKED).sum() / pl.col(c.SHOWN).sum()).item())
    known = by_category.filter(pl.col(c.CATEGORY).is_not_null())
    rates = by_category.select(c.CATEGORY, _drawn(overall, mean_weight(known)).alias(c.CATEGORY_CLICK_RATE))
    told = counts.join(rates, on=c.CATEGORY, how="left", nulls_equal=True, maintain_order="left")
    return told.select(
        c.ITEM_ID,
        pl.col(c.SHOWN, c.CLICKED).cast(pl.UInt32),
        _drawn(pl.col(c.CATEGORY_CLICK_RATE), mean_weight(counts)).alias(c.ITEM_CLICK_RATE),
        c.CATEGORY_CLICK_RATE,
    )


def mean_weight(counts: pl.DataFrame) -> float:
    """How many showings the mean is worth: few where the rates of ``counts`` (shown, clicked) truly differ."""
    seen = counts.filter(pl.col(c.SHOWN) > 0)
    shown, clicked = (seen[name].cast(pl.Float64).to_numpy() for name in (c.SHOWN, c.CLICKED))
    total, freedom = shown.sum(), len(shown) - 1
    rate = clicked.sum() / max(total, 1.0)
    room = total - (shown**2).sum() / max(total, 1.0) - freedom
    correlation = LEAST_CORRELATION
    if 0 < rate < 1 and room > 0:
        spread = (shown * (clicked / shown - rate) ** 2).sum() / (rate * (1 - rate))
        correlation = (spread - freedom) / room
    return float(1 / np.clip(correlation, LEAST_CORRELATION, MOST_CORRELATION) - 1)


def _drawn(towards: pl.Expr, weight: float) -> pl.Expr:
    return exact((pl.col(c.CLICKED) + weight * towards) / (pl.col(c.SHOWN) + weight))


_ACTED = "_acted"
