"""A shop that never was: a catalogue, its customers and what they do, day by day, with their true tastes known."""

from recsys.events.simulator.params import ShopParams
from recsys.events.simulator.shop import Shop

__all__ = ["Shop", "ShopParams"]
