"""Users who answer a slate: what they look at, what they click, and how soon they are bored. The truth is known.

An item is looked at the less the lower it stands (position bias), clicked the more it is wanted (taste), and the less
the more often its user saw it in vain (boredom).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated

import numpy as np
from pydantic import Field, NonNegativeFloat

from recsys.events.simulator.keyed import Floats
from recsys.events.simulator.params import Share
from recsys.events.simulator.shop import Shop
from recsys.types import Frozen, ItemId, UserId


class Manners(Frozen):
    """How visitors answer what they are shown."""

    attention: NonNegativeFloat = 0.7
    "An item at position p is looked at with probability p to the power of minus this; 0: all are looked at."
    keenness: Share = 0.4
    "Probability of a click on the item that the user wants most of all, when it is looked at."
    taste: Annotated[float, Field(gt=0.0)] = 0.5
    "The same of another item: in proportion to its affinity, relative to the best, to the power of this."
    boredom: Share = 0.6
    "A click is so many times as likely after each time that the item was shown and not clicked."
    cart_share: Share = 0.3
    "Carts per click."
    purchase_share: Share = 0.5
    "Purchases per cart."


@dataclass(frozen=True)
class Reaction:
    """What a visitor did with one item of a slate; events in order: view, then perhaps cart, then perhaps purchase."""

    item_id: ItemId
    position: int
    "1 is first."
    event_types: tuple[str, ...]


class Visitors:
    """The customers of a shop, one visit at a time. Remembers what each was shown in vain."""

    def __init__(self, shop: Shop, manners: Manners, rng: np.random.Generator) -> None:
        self._shop = shop
        self._manners = manners
        self._rng = rng
        self._shown: Counter[tuple[UserId, ItemId]] = Counter()

    def arrive(self, day: date, visits: int) -> list[UserId]:
        """Who comes next: customers of that day, the active ones more often."""
        users, activity = self._shop.customers(day)
        found: list[UserId] = self._rng.choice(users, size=visits, p=activity / activity.sum()).tolist()
        return found

    def chances(self, user_id: UserId, items: Sequence[ItemId], day: date) -> Floats:
        """The true probability of a click on each item of the slate, first position first; 0 where it is unknown."""
        manners = self._manners
        looked_at = np.arange(1, len(items) + 1) ** -manners.attention
        wanted = self._shop.liking([user_id], items, day)[0] ** manners.taste
        bored = np.array([manners.boredom ** self._shown[user_id, item] for item in items])
        chances: Floats = manners.keenness * looked_at * wanted * bored
        return chances

    def react(self, user_id: UserId, items: Sequence[ItemId], day: date) -> list[Reaction]:
        """What the user does with the slate; those left out are not clicked, and remembered."""
        clicked = self._rng.random(len(items)) < self.chances(user_id, items, day)
        self._shown.update((user_id, item) for item, click in zip(items, clicked, strict=True) if not click)
        return [Reaction(items[place], place + 1, self._further()) for place in np.flatnonzero(clicked).tolist()]

    def _further(self) -> tuple[str, ...]:
        cart, purchase = self._rng.random(2) < (self._manners.cart_share, self._manners.purchase_share)
        if not cart:
            return ("view",)
        return ("view", "cart", "purchase") if purchase else ("view", "cart")
