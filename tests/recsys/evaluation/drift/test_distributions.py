"""The same is no drift, at any size; another distribution is, and is named."""

import numpy as np
import polars as pl
import pytest

from recsys.evaluation.drift.distributions import change, shift
from recsys.evaluation.drift.features import checks, measure, score_checks
from recsys.sites.drift_policy import DriftPolicy

POLICY = DriftPolicy()


def frame(rng, rows: int, *, moved: float = 0.0, missing: float = 0.0, kinds=(0.5, 0.3, 0.2)) -> pl.DataFrame:
    price = rng.lognormal(3 + moved, 1, rows)
    return pl.DataFrame(
        {
            "price": np.where(rng.random(rows) < missing, np.nan, price),
            "rank": rng.integers(1, 50, rows),
            "kind": rng.choice(["a", "b", "c"], rows, p=kinds),
            "often": rng.poisson(0.3, rows),
        }
    )


@pytest.mark.parametrize("rows", [200, 2000, 20_000])
def test_two_samples_of_the_same_are_no_drift(rows):
    rng = np.random.default_rng(rows)
    for _ in range(10):
        found = measure(frame(rng, rows), frame(rng, rows), min_rows=200)
        assert all(each.psi < 0.02 and each.ks < 0.02 for each in found.values())
        assert all(check.passed for check in checks(found, POLICY))


@pytest.mark.parametrize(
    ("changed", "feature"),
    [({"moved": 1.0}, "price"), ({"missing": 0.4}, "price"), ({"kinds": (0.1, 0.2, 0.7)}, "kind")],
)
def test_a_feature_that_drifted_is_found_and_named(changed, feature):
    rng = np.random.default_rng(1)
    found = measure(frame(rng, 5000), frame(rng, 3000, **changed), min_rows=200)
    assert next(iter(found)) == feature
    failed = [check for check in checks(found, POLICY) if not check.passed]
    assert failed
    assert {check.items for check in failed} == {(feature,)}
    assert all(feature in check.found for check in failed)


def test_the_index_is_the_textbooks():
    reference = pl.Series(["a"] * 5000 + ["b"] * 5000)
    current = pl.Series(["a"] * 8000 + ["b"] * 2000)
    by_hand = 0.3 * np.log(0.8 / 0.5) - 0.3 * np.log(0.2 / 0.5)
    assert change(reference, current).psi == pytest.approx(by_hand, abs=0.005)
    assert change(reference, current).ks == pytest.approx(0.3 - 1.95 * (2 / 10_000) ** 0.5)


def test_scores_have_a_bound_of_their_own():
    rng = np.random.default_rng(2)
    scores = [pl.DataFrame({"score": rng.normal(mean, 1, 1000)}) for mean in (0, 2)]
    (check,) = score_checks(measure(*scores, min_rows=200), POLICY)
    assert (check.passed, check.items) == (False, ("score",))


def test_few_rows_are_not_judged():
    rng = np.random.default_rng(3)
    found = measure(frame(rng, 5000), frame(rng, 199, moved=5.0), min_rows=200)
    assert found == {}
    assert all(check.passed for check in checks(found, POLICY))


def test_a_feature_without_any_value_is_no_error():
    nothing = pl.Series("x", [None] * 500, dtype=pl.Float64)
    something = pl.Series("x", np.arange(500.0))
    assert change(nothing, nothing).psi == 0
    assert change(something, nothing).psi > 1


def test_a_shift_is_the_share_that_is_elsewhere():
    assert shift(np.array([50.0, 50.0]), np.array([8.0, 2.0])) == pytest.approx(0.3)
