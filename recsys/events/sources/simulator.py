"""The simulated shop as a source: it can be asked for any day."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from recsys.events.raw import Filing, RawBatch, from_interactions
from recsys.events.simulator import Shop, ShopParams
from recsys.events.sources.source import DayRange, Surroundings


class SimulatedEvents:
    """What happens in a simulated shop; nothing of it is ever bad, yet it is checked like everything else.

    Every day tells the whole catalogue, so that a log may begin on any day.
    """

    filed = True

    def __init__(self, params: ShopParams, surroundings: Surroundings) -> None:
        self._shop = Shop(params)

    def days(self) -> DayRange:
        return DayRange(None, None)

    def read(self, start: datetime, end: datetime) -> Iterator[RawBatch]:
        while start < end:
            day = start.date()
            yield replace(
                from_interactions(self._shop.events(day), source=f"simulated-{day}"),
                item_updates=self._shop.catalogue(day),
                filing=Filing.on(day),
            )
            start = Filing.on(day).end
