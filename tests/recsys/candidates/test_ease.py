"""EASE's effects against the formula, whatever precision they are computed in."""

import numpy as np
import pytest
import scipy.sparse as sp

from recsys.candidates.ease import FLOAT32_CONDITION, _effects

USERS, ITEMS, REG = 400, 300, 100.0


@pytest.mark.parametrize("heaviest", [3.0, 100.0])
def test_effects_are_those_of_the_formula(heaviest: float) -> None:
    rng = np.random.default_rng(1)
    known = sp.random_array((USERS, ITEMS), density=0.1, rng=rng, dtype=np.float32).tocsr() * np.float32(heaviest)
    gram = (known.T @ known).toarray().astype(np.float64)
    assert (gram.sum(axis=0).max() / REG < FLOAT32_CONDITION) == (heaviest == 3.0)

    found = _effects(known, REG)

    inverse = np.linalg.inv(gram + REG * np.eye(ITEMS))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0.0)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    assert found.tobytes() == _effects(known, REG).tobytes()
