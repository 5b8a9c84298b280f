"""The customers: what each likes, how often each comes, and at what hour."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import polars as pl

from recsys.errors import DataError
from recsys.events.simulator.items import DIMS
from recsys.events.simulator.keyed import Floats, Ints, Keyed, unit
from recsys.events.simulator.params import ShopParams
from recsys.events.simulator.tenancy import Tenancy
from recsys.types import UserId

SHORTEST_STAY, LONGEST_STAY = 60, 1200
"""Days as a customer."""

ACTIVITY_SPREAD, ACTIVITY_LIMIT = 1.1, 25.0
"""Standard deviation of the logarithm of activity; the most active have at most so many times the mean."""


@dataclass(frozen=True)
class Tastes:
    """What some customers want on one day. One row per customer."""

    direction: Floats
    "Unit vectors (users, DIMS) in the space of items."
    leaning: Floats
    "What draws a customer to a category beside that, in logits, (users, categories)."
    price_level: Floats
    "How dear a customer likes things, in standard deviations of a category's prices."
    price_care: Floats
    "How much a price beside that level matters; most care a little, some much."

    def __getitem__(self, rows: Ints) -> "Tastes":
        return Tastes(self.direction[rows], self.leaning[rows], self.price_level[rows], self.price_care[rows])

    def __len__(self) -> int:
        return len(self.direction)


@dataclass(frozen=True)
class Users:
    """Some customers, by number. Arrays have one row per customer, in the order of ``number``."""

    dice: Keyed
    categories: int
    number: Ints

    def tastes(self, day: int) -> "Tastes":
        """What these customers want on ``day``. The direction turns slowly: a full circle takes 3 to 9 years."""
        first = self.dice.direction("user.taste", self.number, dims=DIMS)
        other = self.dice.direction("user.later", self.number, dims=DIMS)
        other = unit(other - first * np.sum(first * other, axis=1, keepdims=True))
        years = 3.0 + 6.0 * self.dice.uniform("user.turn", self.number)
        angle = 2.0 * np.pi * day / (365.25 * years)
        return Tastes(
            direction=first * np.cos(angle)[:, None] + other * np.sin(angle)[:, None],
            leaning=0.9 * self.dice.normal("user.leaning", self.number[:, None], np.arange(self.categories)[None, :]),
            price_level=0.7 * self.dice.normal("user.price", self.number),
            price_care=0.3 * np.exp(0.6 * self.dice.normal("user.care", self.number)),
        )

    @cached_property
    def activity(self) -> Floats:
        """Sessions relative to the mean customer; heavy-tailed, mean about 1."""
        log = ACTIVITY_SPREAD * self.dice.normal("user.activity", self.number) - 0.5 * ACTIVITY_SPREAD**2
        return np.minimum(np.exp(log), ACTIVITY_LIMIT)

    @cached_property
    def hour(self) -> Floats:
        """The hour of the day, UTC, around which a customer comes in the evening."""
        return 19.5 + 1.8 * self.dice.normal("user.hour", self.number)

    def __getitem__(self, chosen: Ints) -> "Users":
        return Users(self.dice, self.categories, self.number[chosen])

    def ids(self) -> pl.Series:
        return user_ids(self.number)


@lru_cache(maxsize=8)
def user_tenancy(params: ShopParams, dice: Keyed) -> Tenancy:
    """Who is a customer when."""
    return Tenancy(dice, "user", params.users, SHORTEST_STAY, LONGEST_STAY)


def user_ids(number: Ints) -> pl.Series:
    """``u0012345`` for each number; no column name."""
    return "u" + pl.Series(number).cast(pl.String).str.zfill(7)


def user_numbers(ids: Sequence[UserId]) -> Ints:
    """The numbers behind user ids.

    Raises:
        DataError: an id that no shop of this kind gives.
    """
    strange = [name for name in ids if not (name[:1] == "u" and name[1:].isascii() and name[1:].isdigit())]
    if strange:
        raise DataError(f"found the user {strange[0]!r}, expected ids as in the shop's events, such as 'u0012345'")
    return np.array([int(name[1:]) for name in ids], dtype=np.int64)
