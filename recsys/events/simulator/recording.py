"""The day as its event log: who viewed, put in the cart and bought what, to the millisecond."""

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.events.schema import INTERACTIONS
from recsys.events.simulator.browsing import browse
from recsys.events.simulator.days import day_of, instants
from recsys.events.simulator.items import item_ids
from recsys.events.simulator.keyed import Bools, Floats, Ints
from recsys.events.simulator.market import Market
from recsys.events.simulator.users import Users, user_ids
from recsys.events.simulator.visits import Visits

EVENT_TYPES = ("view", "cart", "purchase")
DAY_SECONDS = 86_400.0
LONGEST_SESSION = 80_000.0
"""Seconds; a longer session is hurried to end within its day."""


def record(market: Market, users: Users, visits: Visits, rng: np.random.Generator) -> pl.DataFrame:
    """The events of ``visits``, schema INTERACTIONS, sorted by time.

    ``users`` has the user of each visit, in the same order.
    """
    tastes = users.tastes(market.day)
    paths = browse(market, tastes, visits, rng)
    visit, step = np.nonzero(paths >= 0)
    item = paths[visit, step]
    time, dwell = _times(visits.session[visit], users, visit, rng)
    buys = visits.buys[visit] & (step == visits.views[visit] - 1)
    similarity = np.sum(tastes.direction[visit] * market.items.vector[item], axis=1)
    carts = buys | _abandoned(market, visits.session[visit] << 32 | item, buys, similarity, rng)

    row = np.concatenate([np.arange(item.size), np.flatnonzero(carts), np.flatnonzero(buys)])
    kind = np.repeat([0, 1, 2], [item.size, carts.sum(), buys.sum()])
    millisecond = np.floor(1000.0 * (time[row] + 0.4 * kind * dwell[row])).astype(np.int64)
    order = np.lexsort((kind, item[row], visits.session[visit[row]], millisecond))
    row, kind, millisecond = row[order], kind[order], millisecond[order]
    day = day_of(market.day)
    price = market.items.price(market.day)[item[row]]
    return pl.DataFrame(
        {
            c.EVENT_ID: f"e{day:%Y%m%d}-" + _counted(np.arange(row.size)),
            c.USER_ID: user_ids(visits.user[visit[row]]),
            c.ITEM_ID: item_ids(market.items.number[item[row]]),
            c.EVENT_TYPE: pl.Series(np.array(EVENT_TYPES)[kind]),
            c.TIMESTAMP: instants(market.day, millisecond),
            c.VALUE: pl.Series(np.where(kind == 2, price, np.nan)).fill_nan(None),
            c.SESSION_ID: f"s{day:%Y%m%d}-" + _counted(visits.session[visit[row]]),
            c.REQUEST_ID: pl.Series([None] * row.size, dtype=pl.String),
        },
        schema=INTERACTIONS,
    )


def _times(session: Ints, users: Users, visit: Ints, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Seconds since midnight of each view, and how long it lasts; rows stand session by session."""
    starts = np.flatnonzero(np.diff(session, prepend=-1))
    dwell = np.clip(np.exp(3.4 + 0.9 * rng.standard_normal(session.size)), 3.0, 900.0)
    length = np.add.reduceat(dwell, starts) if starts.size else dwell
    hurry = np.minimum(1.0, LONGEST_SESSION / length)
    evening = rng.random(starts.size) < 0.62
    hour = np.where(
        evening,
        users.hour[visit[starts]] + 2.2 * rng.standard_normal(starts.size),
        12.5 + 3.0 * rng.standard_normal(starts.size),
    )
    first = np.minimum(3600.0 * (hour % 24.0), DAY_SECONDS - 1.0 - length * hurry)
    own = np.repeat(np.arange(starts.size), np.diff(starts, append=session.size))
    dwell = dwell * hurry[own]
    before = np.cumsum(dwell) - dwell
    return first[own] + before - before[starts][own], dwell


def _abandoned(market: Market, pair: Ints, buys: Bools, similarity: Floats, rng: np.random.Generator) -> Bools:
    """Which views put their item in the cart and leave it there: the likelier the more it is liked, once a session."""
    params = market.params
    boost = np.exp(1.5 * min(params.taste, 1.0) * similarity)
    share = (params.cart_share - params.purchase_share) * boost / boost.mean() if boost.size else boost
    drawn = (rng.random(pair.size) < share) & ~np.isin(pair, pair[buys])
    first = np.zeros(pair.size, dtype=np.bool_)
    rows = np.flatnonzero(drawn)
    first[rows[np.unique(pair[rows], return_index=True)[1]]] = True
    return first


def _counted(number: Ints) -> pl.Series:
    return pl.Series(number).cast(pl.String).str.zfill(6)
