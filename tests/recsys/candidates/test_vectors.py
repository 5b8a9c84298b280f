"""Generators that know vectors say how near any user and item are, proposed or not."""

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.candidates.pool import no_pairs
from recsys.candidates.registry import KINDS
from recsys.candidates.vectors import Embedded, Vectors
from recsys.errors import NotFittedError
from recsys.features.feature_set import EMBEDDED
from recsys.testing import checkerboard as board

USERS = [board.user(0), board.user(1)]


def fitted(kind: str):
    log = board.interactions()
    return KINDS[kind][1]().fit(log, items=board.catalogue(log), rng=np.random.default_rng(1))


def test_the_feature_set_names_the_generators_that_have_vectors():
    assert {kind for kind, (_, make) in KINDS.items() if issubclass(make, Embedded)} == set(EMBEDDED)


@pytest.mark.parametrize("kind", EMBEDDED)
def test_an_affinity_is_the_score_of_what_was_proposed(kind):
    generator = fitted(kind)
    proposed = generator.generate(USERS, k=5, exclude=no_pairs())
    affinities = generator.vectors().affinities(proposed)
    order = np.argsort(-affinities[proposed[c.USER_ID].to_numpy() == USERS[0]], kind="stable")
    scores = proposed.filter(pl.col(c.USER_ID) == USERS[0])[c.SCORE].to_numpy()
    np.testing.assert_allclose(scores[order], scores, atol=1e-4)


@pytest.mark.parametrize("kind", EMBEDDED)
def test_who_has_no_vector_has_no_affinity(kind):
    pairs = pl.DataFrame({c.USER_ID: ["nobody", USERS[0]], c.ITEM_ID: [board.item(0), "nothing"]})
    assert np.isnan(fitted(kind).vectors().affinities(pairs)).all()


def test_blocks_change_nothing(monkeypatch):
    vectors = fitted("als").vectors()
    pairs = pl.DataFrame({c.USER_ID: USERS}).join(pl.DataFrame({c.ITEM_ID: vectors.items}), how="cross")
    whole = vectors.affinities(pairs)
    monkeypatch.setattr("recsys.candidates.vectors.PAIRS_AT_ONCE", 3)
    np.testing.assert_array_equal(vectors.affinities(pairs), whole)
    np.testing.assert_array_equal(vectors.affinities(pairs.reverse())[::-1], whole)


def test_the_inner_product_by_hand():
    vectors = Vectors(
        pl.Series(["u"]), np.array([[1.0, 2.0]]), pl.Series(["i", "j"]), np.array([[3.0, 0.5], [0.0, 1.0]])
    )
    pairs = pl.DataFrame({c.USER_ID: ["u", "u"], c.ITEM_ID: ["j", "i"]})
    assert vectors.affinities(pairs).tolist() == [2.0, 4.0]


@pytest.mark.parametrize("kind", EMBEDDED)
def test_refuses_before_fit(kind):
    with pytest.raises(NotFittedError):
        KINDS[kind][1]().vectors()
