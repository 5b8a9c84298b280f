import math
from datetime import UTC, datetime, timedelta
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys import columns as c
from recsys.evaluation.catalogue_metrics import catalogue_metrics, diversity, gini
from recsys.evaluation.facts import Facts

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MET = {"a": "uvwx", "b": "uv", "d": "w", "e": "y"}
"""Item to the users who met it; item n is in the catalogue and new."""
INTERACTIONS = pl.DataFrame(
    [(user, item, NOW - timedelta(days=1 + n)) for n, (item, users) in enumerate(MET.items()) for user in users],
    schema={c.USER_ID: pl.String, c.ITEM_ID: pl.String, c.TIMESTAMP: pl.Datetime("us", "UTC")},
    orient="row",
)
ITEMS = pl.DataFrame({c.ITEM_ID: ["a", "b", "d", "e", "n"], c.CATEGORY: ["x", "x", "y", None, "y"]})
FACTS = Facts.of(INTERACTIONS, ITEMS, as_of=NOW)


def shown(**users: str) -> pl.DataFrame:
    rows = [(user, item, rank) for user, items in users.items() for rank, item in enumerate(items, 1)]
    return pl.DataFrame(rows, schema={c.USER_ID: pl.String, c.ITEM_ID: pl.String, c.RANK: pl.Int32}, orient="row")


def metrics(k: int = 10, **users: str) -> dict[str, float]:
    found = catalogue_metrics(shown(**users), FACTS, ks=[k], rng=np.random.default_rng(1))
    return {name.split("@")[0]: value for name, value in found.items()}


def test_the_facts_are_of_before():
    later = INTERACTIONS.with_columns(pl.col(c.TIMESTAMP) + timedelta(days=10), pl.lit("late").alias(c.USER_ID))
    facts = Facts.of(pl.concat([INTERACTIONS, later]), ITEMS, as_of=NOW)
    assert facts.items.equals(FACTS.items)
    assert facts.users.equals(FACTS.users)
    assert FACTS.items.rows() == [
        ("a", "x", 4, 1.0),
        ("b", "x", 2, 2.0),
        ("d", "y", 1, 3.0),
        ("e", None, 1, 4.0),
        ("n", "y", 0, None),
    ]
    assert dict(FACTS.users.rows()) == {"u": 2, "v": 2, "w": 2, "x": 1, "y": 1}
    assert FACTS.has_categories


def test_novelty_and_popularity_by_hand():
    found = metrics(p="ab", q="n")
    assert found["novelty"] == pytest.approx(((math.log2(5 / 4) + math.log2(5 / 2)) / 2 + math.log2(5)) / 2)
    assert found["popularity"] == pytest.approx(((4 / 5 + 2 / 5) / 2 + 0) / 2)


def test_only_the_first_k_places_count():
    assert metrics(k=1, p="ab", q="na") == metrics(k=1, p="a", q="n")
    assert metrics(k=1, p="ab", q="na")["coverage"] == pytest.approx(2 / 5)


def test_diversity_by_hand():
    near = 2 / math.sqrt(4 * 2)
    assert diversity(shown(p="ab"), FACTS) == pytest.approx(1 - near)
    assert diversity(shown(p="ab", q="an"), FACTS) == pytest.approx((1 - near + 1) / 2)
    assert diversity(shown(p="a", q="n"), FACTS) == 0.0


def test_diversity_is_that_of_all_pairs_of_dense_vectors():
    rng = np.random.default_rng(3)
    met = pl.DataFrame(
        {
            c.USER_ID: [f"u{n}" for n in rng.integers(0, 40, 600)],
            c.ITEM_ID: [f"i{n:02d}" for n in rng.integers(0, 30, 600)],
            c.TIMESTAMP: [NOW - timedelta(days=1)] * 600,
        }
    )
    facts = Facts.of(met, ITEMS.clear(), as_of=NOW)
    wide = facts.met.with_columns(pl.lit(1.0).alias(c.WEIGHT)).pivot(on=c.USER_ID, index=c.ITEM_ID, values=c.WEIGHT)
    vectors = {row[0]: np.array([value or 0.0 for value in row[1:]]) for row in wide.iter_rows()}
    norms = {item: np.linalg.norm(vector) for item, vector in vectors.items()}
    slates = {f"s{n}": rng.permutation(sorted(vectors))[:7].tolist() for n in range(12)}
    rows = [(user, item, rank) for user, items in slates.items() for rank, item in enumerate(items, 1)]
    frame = pl.DataFrame(rows, schema={c.USER_ID: pl.String, c.ITEM_ID: pl.String, c.RANK: pl.Int32}, orient="row")
    expected = [
        np.mean([1 - vectors[a] @ vectors[b] / norms[a] / norms[b] for a, b in combinations(items, 2)])
        for items in slates.values()
    ]
    assert diversity(frame, facts) == pytest.approx(np.mean(expected), abs=1e-12)


def test_gini_by_hand():
    assert gini(shown(p="abden"), FACTS) == pytest.approx(0.0)
    assert gini(shown(p="a", q="a"), FACTS) == pytest.approx(0.8)
    assert gini(shown(p="ab", q="a"), FACTS) == pytest.approx((2 * 4 - 6 + 2 * (2 * 5 - 6)) / (5 * 3))


@given(st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_gini_is_the_mean_difference_of_all_pairs(counts):
    """Its other definition: Σ|x−y| over 2n² times the mean."""
    items = [item for item, count in zip("abden", counts, strict=False) for _ in range(count)]
    frame = pl.DataFrame({c.USER_ID: [str(n) for n in range(len(items))], c.ITEM_ID: items})
    places = np.array(counts + [0] * (5 - len(counts)))
    pairs = np.abs(places[:, None] - places[None, :]).sum()
    assert gini(frame, FACTS) == pytest.approx(pairs / (2 * 25 * places.mean()))


def test_no_slates_have_no_metrics():
    assert catalogue_metrics(shown(), FACTS, ks=[10], rng=np.random.default_rng(1)) == {}


def test_the_order_of_rows_changes_nothing():
    slates = shown(p="abd", q="ena", r="bde")
    one, other = (
        catalogue_metrics(each, FACTS, ks=[2], rng=np.random.default_rng(1)) for each in (slates, slates.reverse())
    )
    assert one == pytest.approx(other, abs=1e-12)
