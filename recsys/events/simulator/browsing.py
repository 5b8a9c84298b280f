"""What is viewed within a visit, one item after the other: by taste, and near to what was viewed just before."""

import numpy as np

from recsys.events.simulator.choosing import blocks, choose_columns
from recsys.events.simulator.keyed import Ints
from recsys.events.simulator.market import Market
from recsys.events.simulator.users import Tastes
from recsys.events.simulator.visits import Visits

COHERENCE = 2.5
"""How much the next item is like the last, in logits per unit of similarity."""

RETURN_SHARE = 0.12
"""Share of views, from a visit's third, that go back to an item of the same visit."""


def browse(market: Market, tastes: Tastes, visits: Visits, rng: np.random.Generator) -> Ints:
    """The items viewed, as positions in the market's items: (visits, most views), -1 after the last view.

    ``tastes`` has a row for the user of each visit, in the same order.
    """
    width = int(visits.views.max(initial=1))
    paths = np.full((visits.views.size, width), -1, dtype=np.int64)
    for category in np.unique(visits.category).tolist():
        part = market.slices[category]
        for rows in blocks(np.flatnonzero(visits.category == category), part.stop - part.start):
            paths[rows] = _walk(market, tastes[rows], category, visits.views[rows], width, rng)
    aimed = np.flatnonzero(visits.target >= 0)
    paths[aimed, visits.views[aimed] - 1] = visits.target[aimed]
    return paths


def _walk(market: Market, tastes: Tastes, category: int, views: Ints, width: int, rng: np.random.Generator) -> Ints:
    """The paths of visits to one category, without their targets."""
    part = market.slices[category]
    vectors = market.items.vector[part]
    odds = np.exp(market.liking(tastes, category))
    paths = np.full((views.size, width), -1, dtype=np.int64)
    paths[:, 0] = choose_columns(odds, rng)
    for step in range(1, int(views.max(initial=1))):
        going = np.flatnonzero(views > step)
        last = paths[going, step - 1]
        weights = odds[going] * np.exp(COHERENCE * (vectors[last] @ vectors.T))
        if len(vectors) > 1:
            weights[np.arange(going.size), last] = 0.0
        following = choose_columns(weights, rng)
        back = (rng.random(going.size) < RETURN_SHARE) & (step > 1)
        earlier = paths[going, (rng.random(going.size) * step).astype(np.int64)]
        paths[going, step] = np.where(back, earlier, following)
    return np.where(paths >= 0, paths + part.start, -1)
