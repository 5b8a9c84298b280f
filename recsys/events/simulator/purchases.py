"""Who buys what on a day. Drawn before anyone browses, so that what was bought can be looked up for any day alone.

The draw of a day depends on that day only. A durable item leaves the draw when the same user drew it in the
``MEMORY_DAYS`` before, whether or not that draw was itself dropped; so a purchase never hangs on a longer past.
"""

from dataclasses import dataclass

import numpy as np

from recsys.events.simulator.choosing import choose_categories, choose_items
from recsys.events.simulator.keyed import Bools, Ints
from recsys.events.simulator.market import Market
from recsys.events.simulator.users import Users

MEMORY_DAYS = 120
"""A durable item is not bought again within so many days."""


@dataclass(frozen=True)
class Purchases:
    """Pairs bought on a day: one row per (user, item), both by number."""

    user: Ints
    item: Ints
    durable: Bools

    def __getitem__(self, chosen: Bools) -> "Purchases":
        return Purchases(self.user[chosen], self.item[chosen], self.durable[chosen])

    def pairs(self) -> Ints:
        """User and item as one number, unique per pair."""
        return self.user << 32 | self.item


def draw_purchases(market: Market, users: Users) -> Purchases:
    """What a day's purchases would be if nobody remembered anything; no pair twice.

    ``users`` is everyone who is a customer on the day.
    """
    rng = market.items.dice.day_rng("purchases", market.day)
    params = market.params
    sessions = params.sessions_per_user * market.traffic * users.activity
    mean = params.purchase_share * params.views_per_session * float(sessions.sum())
    count = int(rng.poisson(mean)) if market.items.number.size else 0
    buyer = rng.choice(users.number.size, size=count, p=sessions / sessions.sum())
    buyers = users[buyer]
    tastes = buyers.tastes(market.day)
    chosen = choose_items(market, tastes, choose_categories(market, tastes, rng), rng)
    drawn = Purchases(buyers.number, market.items.number[chosen], market.items.durable[chosen])
    _, first = np.unique(drawn.pairs(), return_index=True)
    return Purchases(drawn.user[first], drawn.item[first], drawn.durable[first])


def not_owned(drawn: Purchases, earlier: list[Purchases]) -> Purchases:
    """``drawn`` without the durable items that the same user drew in ``earlier``."""
    owned = np.concatenate([past.pairs() for past in earlier]) if earlier else np.empty(0, dtype=np.int64)
    return drawn[~(drawn.durable & np.isin(drawn.pairs(), owned))]
