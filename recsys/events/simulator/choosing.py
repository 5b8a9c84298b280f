"""Draws by weight, row by row: which category a visit goes to, which item it starts at."""

from collections.abc import Iterator

import numpy as np

from recsys.events.simulator.keyed import Floats, Ints
from recsys.events.simulator.market import Market
from recsys.events.simulator.users import Tastes

BLOCK_CELLS = 2_000_000
"""Most numbers in one table of rows × items; bounds memory, whatever the size of the shop."""


def blocks(rows: Ints, width: int) -> Iterator[Ints]:
    """``rows`` in pieces, so that a table of one piece × ``width`` stays within BLOCK_CELLS."""
    step = max(1, BLOCK_CELLS // max(1, width))
    for first in range(0, rows.size, step):
        yield rows[first : first + step]


def choose_columns(weights: Floats, rng: np.random.Generator) -> Ints:
    """One column per row, drawn in proportion to ``weights`` (rows, columns); each row has some weight."""
    edges = np.cumsum(weights, axis=1)
    drawn = rng.random(weights.shape[0]) * edges[:, -1]
    chosen: Ints = np.minimum((edges <= drawn[:, None]).sum(axis=1), weights.shape[1] - 1)
    return chosen


def choose_categories(market: Market, tastes: Tastes, rng: np.random.Generator) -> Ints:
    """A category with something on sale for each row of ``tastes``."""
    chosen = np.zeros(len(tastes), dtype=np.int64)
    for rows in blocks(np.arange(len(tastes)), market.params.categories):
        chosen[rows] = choose_columns(market.category_shares(tastes[rows]), rng)
    return chosen


def choose_items(market: Market, tastes: Tastes, category: Ints, rng: np.random.Generator) -> Ints:
    """For each row of ``tastes`` an item of its ``category``, as a position in ``market.items``."""
    chosen = np.zeros(len(tastes), dtype=np.int64)
    for shelf in np.unique(category).tolist():
        part = market.slices[shelf]
        for rows in blocks(np.flatnonzero(category == shelf), part.stop - part.start):
            odds = np.exp(market.liking(tastes[rows], shelf))
            chosen[rows] = part.start + choose_columns(odds, rng)
    return chosen
