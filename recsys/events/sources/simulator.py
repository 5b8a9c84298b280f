"""The simulated shop as a source: it can be asked for any day."""

from collections.abc import Iterator
from datetime import date, timedelta

import polars as pl

from recsys.events.raw import RawBatch, from_interactions
from recsys.events.simulator import Shop, ShopParams
from recsys.events.sources.source import DayRange
from recsys.sites.config import QualityPolicy


class SimulatedEvents:
    """What happens in a simulated shop; nothing of it is ever bad, yet it is checked like everything else.

    Every day tells the whole catalogue, so that a log may begin on any day.
    """

    def __init__(self, params: ShopParams, quality: QualityPolicy) -> None:
        self._shop = Shop(params)

    def days(self) -> DayRange:
        return DayRange(None, None)

    def read(self, first: date, last: date) -> RawBatch:
        days = list(_days(first, last))
        return RawBatch(
            rows=pl.concat(from_interactions(self._shop.events(day), source=f"simulated-{day}") for day in days),
            item_updates=pl.concat(self._shop.catalogue(day) for day in days),
        )


def _days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=1)
