"""Items that a user would rate high: a biased SVD of the ratings in ``value``.

Of several ratings of one user for one item the latest counts. Where no event has a value, it says nothing.
"""

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from recsys import columns as c
from recsys.candidates.best import Scores
from recsys.candidates.biased_svd import BiasedSvd, BiasedSvdParams
from recsys.candidates.factors import PRECISION, cosines
from recsys.candidates.generator import Asked, State
from recsys.candidates.history import History, decay, positions
from recsys.candidates.query import AskedParams, QueryGenerator
from recsys.errors import DataError


class SvdRatingsParams(BiasedSvdParams, AskedParams):
    """Size, regularization and cores."""


class SvdRatings(QueryGenerator[SvdRatingsParams]):
    """Items by the rating that is expected of the user; a session has no ratings to go by."""

    name = "svd_ratings"
    answers: frozenset[Asked] = frozenset({"user", "item"})

    def __init__(self, params: SvdRatingsParams | None = None) -> None:
        super().__init__(params or SvdRatingsParams())

    def _learn(self, interactions: pl.DataFrame, items: pl.DataFrame, rng: np.random.Generator) -> History:
        decay(interactions, None)
        rated = _latest(interactions)
        history = History.of(rated.with_columns(pl.lit(1.0).alias(c.WEIGHT)), half_life_days=None)
        ratings = history.matrix.astype(np.float64)
        ratings.data = rated[c.VALUE].to_numpy()
        with threadpool_limits(1, "blas"):  # many small systems: threads would only wait for each other
            self._model = BiasedSvd.fit(ratings, self.params, rng) if ratings.nnz else None
        return history

    def predict(self, pairs: pl.DataFrame) -> pl.Series:
        """The rating expected for each of ``pairs`` (user_id, item_id), within what was observed; Float64 ``value``.

        An unknown user or item is taken for an average one; null where nothing was ever rated.
        """
        history = self._fitted()
        if self._model is None:
            return pl.Series(c.VALUE, [None] * pairs.height, dtype=pl.Float64)
        rows, columns = positions(pairs[c.USER_ID], history.users), positions(pairs[c.ITEM_ID], history.items)
        return pl.Series(c.VALUE, self._model.predict(rows, columns))

    def _learned(self) -> State:
        """Nothing where nothing was rated."""
        return {f"model_{name}": np.asarray(part) for name, part in vars(self._model).items()} if self._model else {}

    def _relearn(self, state: State) -> None:
        parts = {name: state[key] for name in BiasedSvd.__dataclass_fields__ if (key := f"model_{name}") in state}
        self._model = BiasedSvd(**parts) if parts else None

    def _user_scores(self, rows: NDArray[np.int64]) -> Scores:
        model = self._model
        assert model is not None, "who has a row has rated"
        expected = model.users[rows] @ model.items.T + model.user_bias[rows, None] + model.item_bias + model.mean
        return np.round(expected, PRECISION - 1).astype(np.float32)

    def _scores(self, queries: sp.csr_matrix) -> Scores:
        return np.full(queries.shape, -np.inf, dtype=np.float32)

    def _item_scores(self, columns: NDArray[np.int64]) -> Scores:
        assert self._model is not None, "what has a column was rated"
        return cosines(self._model.items, columns)


def _latest(interactions: pl.DataFrame) -> pl.DataFrame:
    """One row per rated pair, sorted by pair.

    Raises:
        DataError: a rating is not a finite number.
    """
    rated = interactions.drop_nulls(c.VALUE)
    bad = rated.filter(~pl.col(c.VALUE).is_finite())
    if bad.height:
        raise DataError(
            f"found a rating of {bad[c.VALUE][0]} ({bad.height} such rows), expected finite numbers, or null where "
            "there is none; mend or leave out such rows"
        )
    return rated.sort(c.USER_ID, c.ITEM_ID, c.TIMESTAMP, c.VALUE).unique(
        [c.USER_ID, c.ITEM_ID], keep="last", maintain_order=True
    )
