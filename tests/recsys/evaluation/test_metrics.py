import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys import columns as c
from recsys.evaluation.metrics import PER_USER, coverage, metric_name, per_user_metrics

ITEMS = [f"i{n}" for n in range(12)]


def slate(user: str, items: list[str]) -> pl.DataFrame:
    rows = [(user, item, rank) for rank, item in enumerate(items, 1)]
    return pl.DataFrame(rows, schema={c.USER_ID: pl.String, c.ITEM_ID: pl.String, c.RANK: pl.Int32}, orient="row")


def truth(user: str, items: list[str]) -> pl.DataFrame:
    return pl.DataFrame(
        {c.USER_ID: [user] * len(items), c.ITEM_ID: items}, schema={c.USER_ID: pl.String, c.ITEM_ID: pl.String}
    )


def metrics(items: list[str], right: list[str], k: int) -> dict[str, float]:
    row = per_user_metrics(slate("u", items), truth("u", right), ks=[k]).row(0, named=True)
    return {metric: row[metric_name(metric, k)] for metric in PER_USER}


def test_by_hand():
    """Hits at ranks 2 and 4 of three right items."""
    found = metrics(["x", "a", "y", "b", "z"], ["a", "b", "never"], 5)
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert found == pytest.approx(
        {
            "recall": 2 / 3,
            "precision": 2 / 5,
            "hit_rate": 1.0,
            "ndcg": (1 / math.log2(3) + 1 / math.log2(5)) / ideal,
            "mrr": 1 / 2,
            "map": (1 / 2 + 2 / 4) / 3,
        }
    )


def test_the_ideal_list_is_cut_at_k():
    assert metrics(["a", "b"], ["a", "b", "d"], 2)["ndcg"] == pytest.approx(1)
    assert metrics(["a", "b"], ["a", "b", "d"], 2)["map"] == pytest.approx(1)


def test_a_user_with_truth_and_no_slate_scores_zero_and_others_are_not_counted():
    scores = per_user_metrics(slate("stranger", ["a"]), truth("u", ["a"]), ks=[1, 3])
    assert scores[c.USER_ID].to_list() == ["u"]
    assert set(scores.drop(c.USER_ID).row(0)) == {0.0}


def test_a_pair_twice_in_the_truth_counts_once():
    assert metrics(["a"], ["a", "a"], 1)["recall"] == 1


def test_no_truth_has_no_rows_and_every_column():
    empty = per_user_metrics(slate("u", ["a"]), truth("u", []), ks=[10])
    assert empty.is_empty()
    assert "ndcg@10" in empty.columns


lists = st.lists(st.sampled_from(ITEMS), unique=True, max_size=12)


@given(lists, lists.filter(len), st.integers(1, 15))
def test_every_metric_lies_between_zero_and_one(items, right, k):
    assert all(0 <= value <= 1 + 1e-12 for value in metrics(items, right, k).values())


@given(lists.filter(len), st.integers(1, 15))
def test_a_perfect_slate_scores_one(right, k):
    found = metrics(right, right, k)
    assert [found[name] for name in ("hit_rate", "ndcg", "mrr", "map")] == pytest.approx([1.0] * 4)
    assert found["recall"] == pytest.approx(min(k, len(right)) / len(right))


@given(st.lists(st.tuples(lists, lists.filter(len)), min_size=1, max_size=5), st.randoms())
def test_the_order_of_rows_changes_nothing(users, shuffle):
    slates = pl.concat([slate(f"u{n}", items) for n, (items, _) in enumerate(users)])
    right = pl.concat([truth(f"u{n}", items) for n, (_, items) in enumerate(users)])
    order = shuffle.sample(range(slates.height), slates.height)
    assert per_user_metrics(slates, right, ks=[3]).equals(per_user_metrics(slates[order], right.reverse(), ks=[3]))


def test_coverage_counts_items_not_rows():
    shown = pl.concat([slate("u", ["a", "b"]), slate("v", ["a", "d"])])
    assert coverage(shown, k=1, catalogue=4) == 0.25
    assert coverage(shown, k=2, catalogue=4) == 0.75
    assert coverage(shown, k=2, catalogue=0) == 0.0
