"""What rises: more of the recent events than its share of the past would give, in units of chance.

With r and p the weight of an item in the recent and in the past window, and R and P those of all items, its share of
the past would give e = p·R/P now. The score is (r - e) / √(e + s): a Poisson surprise, where the smoothing s keeps
items that were never seen before from winning with a single event.
"""

import numpy as np
import polars as pl
from pydantic import PositiveFloat

from recsys import columns as c
from recsys.candidates.history import DAY_IN_MICROSECONDS, decay
from recsys.candidates.one_list import ListGenerator
from recsys.types import Frozen


class TrendingParams(Frozen):
    """What recent and past mean."""

    recent_days: PositiveFloat = 3.0
    "Length of the recent window, which ends with the newest event."
    past_days: PositiveFloat = 28.0
    "Length of the window before it."
    smoothing: PositiveFloat = 5.0
    "Added to what is expected, in mean weights of an event: higher asks for more events before something rises."


class Trending(ListGenerator):
    """The same rising items for everybody; what falls is not proposed."""

    name = "trending"

    def __init__(self, params: TrendingParams | None = None) -> None:
        super().__init__()
        self.params = params or TrendingParams()

    def _rank(self, interactions: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
        params, weights = self.params, decay(interactions, None)
        if not weights.any():
            return interactions.select(c.ITEM_ID, pl.col(c.WEIGHT).cast(pl.Float64).alias(c.SCORE)).clear()
        moments = interactions[c.TIMESTAMP].dt.epoch("us").to_numpy()
        age = (moments.max() - moments) / DAY_IN_MICROSECONDS
        recent = age < params.recent_days
        past = ~recent & (age < params.recent_days + params.past_days)
        unit = weights.mean()
        ratio = weights[recent].sum() / weights[past].sum() if weights[past].sum() > 0 else 0.0
        counted = interactions.select(
            c.ITEM_ID,
            pl.Series(_RECENT, np.where(recent, weights, 0.0) / unit),
            pl.Series(_EXPECTED, np.where(past, weights, 0.0) * ratio / unit),
        )
        per_item = counted.sort(pl.all()).group_by(c.ITEM_ID, maintain_order=True).agg(pl.all().sum())
        rise = (pl.col(_RECENT) - pl.col(_EXPECTED)) / (pl.col(_EXPECTED) + params.smoothing).sqrt()
        return (
            per_item.select(c.ITEM_ID, rise.round_sig_figs(9).alias(c.SCORE))
            .filter(pl.col(c.SCORE) > 0)
            .join(items.filter(~pl.col(c.AVAILABLE)), on=c.ITEM_ID, how="anti")
            .sort(c.SCORE, c.ITEM_ID, descending=[True, False])
        )


_RECENT, _EXPECTED = "recent", "expected"
