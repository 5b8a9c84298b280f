"""Who comes on a day, how often, and what for: the sessions, as visits to one category each."""

from dataclasses import dataclass

import numpy as np

from recsys.events.simulator.choosing import choose_categories
from recsys.events.simulator.keyed import Bools, Ints
from recsys.events.simulator.market import Market
from recsys.events.simulator.purchases import Purchases
from recsys.events.simulator.users import Users

SECOND_VISIT_SHARE = 0.25
"""Share of browsing sessions that go on to another category."""

MOST_VIEWS = 40
"""Views of one visit at most."""

LOOK_AHEAD_DAYS, CONSIDERED_SHARE = 3, 0.3
"""A purchase of the next days is looked at beforehand, on each of so many days, with this probability."""


@dataclass(frozen=True)
class Visits:
    """One row per visit, sorted by session."""

    session: Ints
    "Number of the session within the day, from 0."
    user: Ints
    category: Ints
    views: Ints
    "How many items are viewed, at least 1."
    target: Ints
    "What the visit ends at, as a position in the market's items; -1: nothing in particular."
    buys: Bools
    "True: the target is bought."


def plan_visits(
    market: Market, users: Users, bought: Purchases, considered: Purchases, rng: np.random.Generator
) -> Visits:
    """The visits of a day on which something is on sale.

    ``users`` is everyone who is a customer on the day. Each purchase in ``bought`` gets a visit that ends at the item;
    so does each in ``considered`` (looked at, not bought), unless its user or item is not here on the day.
    """
    params = market.params
    ours = np.isin(considered.user, users.number) & (market.position(considered.item) >= 0)
    considered = considered[ours]
    aimed = params.purchase_share * params.views_per_session * (1.0 + LOOK_AHEAD_DAYS * CONSIDERED_SHARE)
    mean = max(0.0, 1.0 - aimed) * params.sessions_per_user * market.traffic * users.activity
    browsing = np.repeat(users.number, rng.poisson(mean))
    longer = np.flatnonzero(rng.random(browsing.size) < SECOND_VISIT_SHARE)
    browsers = Users(users.dice, users.categories, np.concatenate([browsing, browsing[longer]]))

    buyers, buying_session = np.unique(bought.user, return_inverse=True)
    _, looking_session = np.unique(considered.user, return_inverse=True)
    user = np.concatenate([browsers.number, bought.user, considered.user])
    session = np.concatenate(
        [
            np.arange(browsing.size),
            longer,
            browsing.size + buying_session,
            browsing.size + buyers.size + looking_session,
        ]
    )
    free = browsers.number.size
    target = np.full(user.size, -1, dtype=np.int64)
    target[free:] = market.position(np.concatenate([bought.item, considered.item]))
    category = np.empty(user.size, dtype=np.int64)
    category[:free] = choose_categories(market, browsers.tastes(market.day), rng)
    category[free:] = market.items.category[target[free:]]
    mean_views = max(1.0, params.views_per_session / (1.0 + SECOND_VISIT_SHARE))
    views = np.minimum(rng.geometric(1.0 / mean_views, size=user.size), MOST_VIEWS)
    buys = np.zeros(user.size, dtype=np.bool_)
    buys[free : free + bought.user.size] = True
    order = np.argsort(session, kind="stable")
    return Visits(session[order], user[order], category[order], views[order], target[order], buys[order])
