"""The simulated shop: every question it can be asked, each about a day that the caller names."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache

import numpy as np
import polars as pl

from recsys.events.schema import INTERACTIONS
from recsys.events.simulator import catalogue, truth
from recsys.events.simulator.days import day_number
from recsys.events.simulator.keyed import Floats, Keyed
from recsys.events.simulator.market import Market, open_market
from recsys.events.simulator.params import ShopParams
from recsys.events.simulator.purchases import MEMORY_DAYS, Purchases, draw_purchases, not_owned
from recsys.events.simulator.recording import record
from recsys.events.simulator.users import Users, user_ids, user_tenancy
from recsys.events.simulator.visits import CONSIDERED_SHARE, LOOK_AHEAD_DAYS, plan_visits
from recsys.types import ItemId, UserId


class Shop:
    """A shop of ``params``. Every answer follows from the parameters and the day alone, whatever was asked before."""

    def __init__(self, params: ShopParams) -> None:
        self.params = params
        self._dice = Keyed(params.seed)
        self._market = lru_cache(maxsize=8)(self._open)
        self._drawn = lru_cache(maxsize=MEMORY_DAYS + 16)(self._draw)

    def events(self, day: date) -> pl.DataFrame:
        """What customers did on ``day``, schema INTERACTIONS, sorted by time; every timestamp lies in that UTC day.

        Views, carts and purchases; the value of a purchase is its price. Without rows when nothing is on sale.
        """
        number = day_number(day)
        market = self._market(number)
        if market.items.number.size == 0:
            return pl.DataFrame(schema=INTERACTIONS)
        rng = self._dice.day_rng("visits", number)
        visits = plan_visits(market, self._users(number), self._bought(number), self._considered(number), rng)
        visitors = Users(self._dice, self.params.categories, visits.user)
        return record(market, visitors, visits, rng)

    def item_updates(self, day: date) -> pl.DataFrame:
        """What became known of items at the start of ``day``, schema ITEM_UPDATES; what did not change is null."""
        return catalogue.updates(self.params, self._dice, day_number(day))

    def catalogue(self, day: date) -> pl.DataFrame:
        """The whole catalogue at the start of ``day``, schema ITEM_UPDATES with nothing null.

        Items withdrawn on that day are there too, as unavailable; so this can be told in place of
        ``item_updates(day)`` on any day, and must be on the first.
        """
        return catalogue.catalogue(self.params, self._dice, day_number(day))

    def affinity(self, users: Sequence[UserId], items: Sequence[ItemId], day: date) -> Floats:
        """The true probability that a visit on ``day`` of each user starts at each item, (users, items)."""
        return truth.affinity(self._market(day_number(day)), users, items)

    def liking(self, users: Sequence[UserId], items: Sequence[ItemId], day: date) -> Floats:
        """The affinity relative to the item that each user wants most on ``day``, (users, items), in [0, 1]."""
        return truth.liking(self._market(day_number(day)), users, items)

    def customers(self, day: date) -> tuple[list[UserId], Floats]:
        """Who is a customer on ``day``, and how often each comes, relative to the mean."""
        users = self._users(day_number(day))
        return user_ids(users.number).to_list(), users.activity

    def best_items(self, users: Sequence[UserId], day: date, k: int) -> pl.DataFrame:
        """The ``k`` items each user truly wants most on ``day``: user_id, item_id, score, rank from 1."""
        return truth.best_items(self._market(day_number(day)), users, k)

    def expected_gain(self, slates: pl.DataFrame, day: date) -> pl.DataFrame:
        """How likely a user's next visit on ``day`` starts at an item of the slate: user_id, score in [0, 1]."""
        return truth.expected_gain(self._market(day_number(day)), slates)

    def _open(self, day: int) -> Market:
        return open_market(self.params, self._dice, day)

    def _users(self, day: int) -> Users:
        return Users(self._dice, self.params.categories, user_tenancy(self.params, self._dice).present(day))

    def _draw(self, day: int) -> Purchases:
        return draw_purchases(self._open(day), self._users(day))

    def _bought(self, day: int) -> Purchases:
        earlier = [self._drawn(past) for past in range(max(0, day - MEMORY_DAYS), day)]
        return not_owned(self._drawn(day), earlier)

    def _considered(self, day: int) -> Purchases:
        """A share of what will be bought in the next days."""
        ahead = [self._drawn(day + lag) for lag in range(1, LOOK_AHEAD_DAYS + 1)]
        user = np.concatenate([drawn.user for drawn in ahead])
        item = np.concatenate([drawn.item for drawn in ahead])
        durable = np.concatenate([drawn.durable for drawn in ahead])
        looked = self._dice.uniform("considered", user, item, np.full(user.size, day)) < CONSIDERED_SHARE
        return Purchases(user, item, durable)[looked]
