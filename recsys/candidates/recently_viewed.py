"""What the user or the session did last: the way back, and buying again."""

import numpy as np
import polars as pl
import scipy.sparse as sp
from pydantic import PositiveInt

from recsys import columns as c
from recsys.candidates.best import Scores
from recsys.candidates.generator import Asked
from recsys.candidates.history import History, decay, positions
from recsys.candidates.query import QueryGenerator, SessionParams


class RecentlyViewedParams(SessionParams):
    """How far back it goes."""

    event_types: tuple[str, ...] = ()
    "Events that count, such as [view]; empty: all."
    newest: PositiveInt = 200
    "Items per user that are remembered."


class RecentlyViewed(QueryGenerator[RecentlyViewedParams]):
    """The user's own items, the latest first: the nth scores 1/n."""

    name = "recently_viewed"
    answers: frozenset[Asked] = frozenset({"user", "session"})

    def __init__(self, params: RecentlyViewedParams | None = None) -> None:
        super().__init__(params or RecentlyViewedParams())

    def _learn(self, interactions: pl.DataFrame, items: pl.DataFrame, rng: np.random.Generator) -> History:
        decay(interactions, None)
        wanted = pl.col(c.EVENT_TYPE).is_in(self.params.event_types) if self.params.event_types else pl.lit(True)
        last = (
            interactions.filter(wanted)
            .group_by(c.USER_ID, c.ITEM_ID)
            .agg(pl.col(c.TIMESTAMP).max())
            .sort(c.USER_ID, c.TIMESTAMP, c.ITEM_ID, descending=[False, True, False])
            .with_columns(pl.int_range(1, pl.len() + 1).over(c.USER_ID).alias(c.RANK))
            .filter(pl.col(c.RANK) <= self.params.newest)
        )
        users = last[c.USER_ID].unique().sort()
        known = interactions[c.ITEM_ID].unique().sort()
        at = positions(last[c.USER_ID], users), positions(last[c.ITEM_ID], known)
        matrix = sp.csr_matrix(((1.0 / last[c.RANK].to_numpy()).astype(np.float32), at), shape=(len(users), len(known)))
        return History(users, known, matrix)

    def _scores(self, queries: sp.csr_matrix) -> Scores:
        found: Scores = queries.toarray()
        found[found <= 0] = -np.inf
        return found
