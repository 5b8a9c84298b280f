import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

from recsys import columns as c
from recsys.candidates.biased_svd import BiasedSvd, BiasedSvdParams
from recsys.candidates.svd_ratings import SvdRatings, SvdRatingsParams
from recsys.errors import DataError
from recsys.testing import checkerboard as board

PAIRS = pl.DataFrame(
    [(f"user-{n:02d}", f"item-{n:02d}") for n in range(20)], schema=[c.USER_ID, c.ITEM_ID], orient="row"
)


def fit(log: pl.DataFrame, **params) -> SvdRatings:
    generator = SvdRatings(SvdRatingsParams(**params))
    return generator.fit(log, items=board.catalogue(log), rng=np.random.default_rng(1))


def test_what_was_withheld_is_predicted_by_color():
    generator = fit(board.ratings())
    others = PAIRS.with_columns(pl.col(c.ITEM_ID).shift(-1, fill_value="item-00"))
    assert (generator.predict(PAIRS) > 4.2).all()
    assert (generator.predict(others) < 1.8).all()


def test_strangers_are_taken_for_average_and_nothing_leaves_the_scale():
    log = board.events([("u", "a", board.START), ("v", "a", board.START), ("v", "b", board.START)])
    generator = fit(log.with_columns(pl.Series(c.VALUE, [5.0, 5.0, 1.0])), damping=1.0)
    pairs = pl.DataFrame({c.USER_ID: ["x", "x", "x", "u"], c.ITEM_ID: ["a", "b", "unheard", "unheard"]})
    good, bad, mean, fond = generator.predict(pairs)
    assert 1 <= bad < mean < good <= 5
    assert mean == pytest.approx(11 / 3)
    assert fond > mean


def test_the_latest_rating_counts():
    changed = board.events([("u", "a", board.START), ("u", "a", board.AS_OF), ("v", "a", board.START)])
    for values in ([1.0, 5.0, 3.0], [None, 5.0, 3.0]):
        assert fit(changed.with_columns(pl.Series(c.VALUE, values))).predict(PAIRS[:1]).item() == pytest.approx(4.0)


def test_without_ratings_nothing_is_predicted():
    assert fit(board.interactions()).predict(PAIRS).null_count() == PAIRS.height


def test_refuses_a_rating_that_is_none():
    with pytest.raises(DataError, match="rating of nan"):
        fit(board.ratings().with_columns(pl.lit(float("nan")).alias(c.VALUE)))


def test_least_squares_are_solved_alike_in_rows_and_in_factors():
    """Users with fewer ratings than factors are solved for in another space, by the same equations."""
    rng = np.random.default_rng(3)
    dense = np.where(rng.random((30, 12)) < 0.4, rng.integers(1, 6, (30, 12)), 0).astype(float)
    dense[0] = rng.integers(1, 6, 12)
    params = BiasedSvdParams(embedding_size=5, reg=0.1, damping=2.0, epochs=4)
    model = BiasedSvd.fit(sp.csr_matrix(dense), params, rng)
    for item in range(12):
        rated = np.flatnonzero(dense[:, item])
        features = np.hstack([model.users[rated], np.ones((len(rated), 1))])
        ridge = np.diag([0.1 * len(rated)] * 5 + [2.0])
        left = dense[rated, item] - model.mean - model.user_bias[rated]
        solved = np.linalg.solve(features.T @ features + ridge, features.T @ left)
        np.testing.assert_allclose([*model.items[item], model.item_bias[item]], solved, atol=1e-9)
