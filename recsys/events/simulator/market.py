"""The shop on one day: what is on sale, and how much each customer wants each thing. The truth lies here."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from recsys.events.simulator.items import Items, item_tenancy
from recsys.events.simulator.keyed import Floats, Ints, Keyed
from recsys.events.simulator.params import ShopParams
from recsys.events.simulator.users import Tastes
from recsys.events.simulator.vocabulary import CATEGORIES

YEAR = 365.25

CATEGORY_TASTE = 2.0
"""How much a category near to one's taste draws, in logits per unit of similarity."""

NEWS, NEWS_DAYS = 0.8, 14.0
"""Logits by which an item is more interesting on its first day, and the days in which that falls to a third."""

TREND = 0.5
"""Logits by which an item's fashion swings up and down within its 40 to 160 days."""

WEEKDAYS = (0.95, 0.92, 0.93, 0.97, 1.0, 1.08, 1.15)
"""Traffic from Monday to Sunday, relative to the mean."""


@dataclass(frozen=True)
class Market:
    """One day. Items on sale are sorted by category, so a category is a slice of every item array."""

    params: ShopParams
    day: int
    items: Items
    "On sale: in the catalogue and in stock; sorted by category."
    since: Ints
    "Day on which each of ``items`` was launched."

    @cached_property
    def slices(self) -> list[slice]:
        """Where each category's items stand; empty slices for categories with nothing on sale."""
        edges = np.searchsorted(self.items.category, np.arange(self.params.categories + 1)).tolist()
        return [slice(first, last) for first, last in pairwise(edges)]

    def position(self, number: Ints) -> Ints:
        """Where the items of these numbers stand in ``items``; -1 for those not on sale."""
        order = np.argsort(self.items.number)
        place = np.searchsorted(self.items.number, number, sorter=order)
        found = order[np.minimum(place, order.size - 1)] if order.size else np.full(number.shape, -1)
        return np.where(self.items.number[found] == number, found, -1) if order.size else found

    @cached_property
    def traffic(self) -> float:
        """Sessions on this day relative to an ordinary one: the week and the year."""
        weekday = WEEKDAYS[self.day % 7]  # EPOCH is a Monday
        return weekday * float(np.exp(0.2 * np.cos(2.0 * np.pi * (self.day % YEAR - 345.0) / YEAR)))

    @cached_property
    def appeal(self) -> Floats:
        """What anyone sees in each item, in logits: popularity, news and fashion."""
        dice, number = self.items.dice, self.items.number
        fame = -self.params.popularity_exponent * np.log(self.items.luck)
        news = NEWS * np.exp(-(self.day - self.since) / NEWS_DAYS)
        period = 40.0 + 120.0 * dice.uniform("trend.period", number)
        phase = dice.uniform("trend.phase", number)
        fashion = TREND * np.sin(2.0 * np.pi * (self.day / period + phase))
        appeal: Floats = fame + news + fashion
        return appeal

    @cached_property
    def season(self) -> Floats:
        """Interest in each category on this day of the year, in logits; -inf where nothing is on sale."""
        shelves = CATEGORIES[: self.params.categories]
        peak = np.array([(shelf.peak_month - 0.5) * YEAR / 12 for shelf in shelves])
        swing = np.array([shelf.swing for shelf in shelves])
        season: Floats = swing * np.cos(2.0 * np.pi * (self.day % YEAR - peak) / YEAR)
        return np.where([part.stop > part.start for part in self.slices], season, -np.inf)

    def category_shares(self, tastes: Tastes) -> Floats:
        """The probability that a visit of each user goes to each category, (users, categories).

        All zero when nothing at all is on sale.
        """
        shelf = np.arange(self.params.categories)
        place = self.items.dice.direction("category.place", shelf, dims=self.items.vector.shape[1])
        drawn = CATEGORY_TASTE * tastes.direction @ place.T
        base = -0.5 * np.log1p(shelf)
        return softmax(base + self.season + (drawn + tastes.leaning) * min(self.params.taste, 1.0))

    def liking(self, tastes: Tastes, category: int) -> Floats:
        """How much each user wants each item on sale in ``category``, in logits, (users, items of the category)."""
        part = self.slices[category]
        similarity = tastes.direction @ self.items.vector[part].T
        beside = tastes.price_level[:, None] - self.items.price_level[part][None, :]
        personal = self.params.taste * (similarity - 0.25 * tastes.price_care[:, None] * beside**2)
        liking: Floats = self.appeal[part] + personal
        return liking

    def affinity(self, tastes: Tastes) -> Floats:
        """The probability that a visit of each user starts at each item on sale, (users, items on sale)."""
        shares = self.category_shares(tastes)
        columns = [
            shares[:, [category]] * softmax(self.liking(tastes, category)) for category in range(self.params.categories)
        ]
        return np.concatenate(columns, axis=1)


def softmax(logits: Floats) -> Floats:
    """Each row as probabilities; rows without any finite logit, or without columns, are zero."""
    if logits.shape[1] == 0:
        return logits
    top = logits.max(axis=1, keepdims=True)
    odds = np.exp(logits - np.where(np.isfinite(top), top, 0.0))
    total = odds.sum(axis=1, keepdims=True)
    shares: Floats = odds / np.where(total > 0, total, 1.0)
    return shares


def open_market(params: ShopParams, dice: Keyed, day: int) -> Market:
    """The shop on ``day``: what is in its catalogue and in stock then."""
    tenancy = item_tenancy(params, dice)
    items = Items(dice, params.categories, tenancy.present(day))
    on_sale = np.flatnonzero(items.in_stock(day))
    sold = items[on_sale[np.argsort(items.category[on_sale], kind="stable")]]
    return Market(params, day, sold, tenancy.since(sold.number))
