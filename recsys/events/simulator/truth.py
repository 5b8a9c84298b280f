"""What the shop knows and no log says: whom each item would please. For judging recommenders."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.errors import DataError
from recsys.events.schema import require
from recsys.events.simulator.choosing import blocks
from recsys.events.simulator.items import item_ids
from recsys.events.simulator.keyed import Floats, Ints
from recsys.events.simulator.market import Market
from recsys.events.simulator.users import Tastes, Users, user_numbers
from recsys.types import ItemId, UserId

BEST_ITEMS: Final = pl.Schema(
    {c.USER_ID: pl.String(), c.ITEM_ID: pl.String(), c.SCORE: pl.Float64(), c.RANK: pl.Int32()}
)
"""The oracle's slates; score is the affinity, rank counts from 1."""

GAINS: Final = pl.Schema({c.USER_ID: pl.String(), c.SCORE: pl.Float64()})


def affinity(market: Market, users: Sequence[UserId], items: Sequence[ItemId]) -> Floats:
    """The probability that a visit of each user starts at each item, (users, items).

    A user's row over the whole catalogue sums to one; an item that is not on sale that day, or unknown, has 0.

    Raises:
        DataError: a user id that no shop of this kind gives.
    """
    return _affinity(market, users, items)[0]


def liking(market: Market, users: Sequence[UserId], items: Sequence[ItemId]) -> Floats:
    """The affinity relative to that of the item each user wants most, (users, items), in [0, 1].

    Raises:
        DataError: a user id that no shop of this kind gives.
    """
    wanted, most = _affinity(market, users, items)
    relative: Floats = wanted / most[:, None]
    return relative


def best_items(market: Market, users: Sequence[UserId], k: int) -> pl.DataFrame:
    """The ``k`` items each user wants most, schema BEST_ITEMS; fewer where fewer are on sale."""
    if k < 1:
        raise DataError(f"found k = {k}, expected at least 1")
    tastes = _tastes(market, users)
    size = min(k, market.items.number.size)
    best = np.zeros((len(users), size), dtype=np.int64)
    score = np.zeros((len(users), size))
    for rows in blocks(np.arange(len(users)), market.items.number.size):
        wanted = market.affinity(tastes[rows])
        best[rows] = np.argsort(-wanted, axis=1, kind="stable")[:, :size]
        score[rows] = np.take_along_axis(wanted, best[rows], axis=1)
    return pl.DataFrame(
        {
            c.USER_ID: [user for user in users for _ in range(size)],
            c.ITEM_ID: item_ids(market.items.number[best.ravel()]),
            c.SCORE: score.ravel(),
            c.RANK: np.tile(np.arange(1, size + 1), len(users)),
        },
        schema=BEST_ITEMS,
    )


def expected_gain(market: Market, slates: pl.DataFrame) -> pl.DataFrame:
    """The probability that a user's next visit starts at an item of the slate, schema GAINS, sorted by user.

    ``slates`` has one row per (user_id, item_id); other columns are ignored, and a repeated row counts once.
    """
    pairs = slates.select(c.USER_ID, c.ITEM_ID).unique().sort(c.USER_ID, c.ITEM_ID)
    require(pairs, pl.Schema({c.USER_ID: pl.String(), c.ITEM_ID: pl.String()}), name="slates")
    users = pairs[c.USER_ID].unique().sort()
    place = _positions(market, pairs[c.ITEM_ID].to_list())
    row = users.search_sorted(pairs[c.USER_ID]).to_numpy()
    gain = np.zeros(users.len())
    tastes = _tastes(market, users.to_list())
    for rows in blocks(np.arange(users.len()), market.items.number.size):
        wanted = market.affinity(tastes[rows])
        mine = (row >= rows[0]) & (row <= rows[-1]) & (place >= 0)
        np.add.at(gain, row[mine], wanted[row[mine] - rows[0], place[mine]])
    return pl.DataFrame({c.USER_ID: users, c.SCORE: gain}, schema=GAINS)


def _affinity(market: Market, users: Sequence[UserId], items: Sequence[ItemId]) -> tuple[Floats, Floats]:
    """The affinity to the items, and of each user the highest to any item on sale."""
    found = _positions(market, items)
    tastes = _tastes(market, users)
    wanted, most = np.zeros((len(users), len(items))), np.ones(len(users))
    for rows in blocks(np.arange(len(users)), market.items.number.size):
        known = market.affinity(tastes[rows])
        wanted[np.ix_(rows, found >= 0)] = known[:, found[found >= 0]]
        most[rows] = known.max(axis=1, initial=np.finfo(float).tiny)
    return wanted, most


def _tastes(market: Market, users: Sequence[UserId]) -> Tastes:
    return Users(market.items.dice, market.params.categories, user_numbers(users)).tastes(market.day)


def _positions(market: Market, items: Sequence[ItemId]) -> Ints:
    """Where the items stand on the market; -1 for those not on sale or not of this shop."""
    known = {name: place for place, name in enumerate(market.items.ids().to_list())}
    return np.array([known.get(item, -1) for item in items], dtype=np.int64)
