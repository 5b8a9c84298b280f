import polars as pl
import pytest

from recsys import columns as c
from recsys.candidates.generator import CANDIDATES
from recsys.candidates.pool import (
    candidate_pool,
    generator_report,
    measured_pool,
    no_pairs,
    one_row_per_pair,
    proposed_within,
)
from recsys.candidates.popularity import Popularity
from recsys.candidates.recently_viewed import RecentlyViewed
from recsys.testing import checkerboard as board
from recsys.testing.generators import fitted

POOL = pl.DataFrame(
    [("u", "a", "als", 4.0, 1), ("u", "b", "als", 1.0, 2), ("u", "b", "ease", 0.5, 1), ("v", "a", "ease", -1.0, 1)],
    schema=CANDIDATES,
    orient="row",
)


def test_each_pair_stands_once_with_the_evidence_of_every_source():
    pairs = one_row_per_pair(POOL, ["als", "ease"])
    assert pairs.rows() == [
        ("u", "a", 4.0, 1.0, 1, None, None, None, 1),
        ("u", "b", 1.0, 0.25, 2, 0.5, 1.0, 1, 2),
        ("v", "a", None, None, None, -1.0, None, 1, 1),
    ]
    assert pairs.columns[2:] == [
        "als_score",
        "als_share",
        "als_rank",
        "ease_score",
        "ease_share",
        "ease_rank",
        c.N_SOURCES,
    ]


def test_a_source_that_proposed_nothing_has_its_columns():
    assert one_row_per_pair(POOL, ["als", "ease", "popularity"])["popularity_rank"].to_list() == [None] * 3


def test_no_candidates_are_no_pairs():
    assert one_row_per_pair(POOL.clear(), ["als"]).is_empty()


def test_the_report_says_what_only_one_source_finds():
    truth = pl.DataFrame({c.USER_ID: ["u", "u", "v", "w"], c.ITEM_ID: ["a", "b", "a", "z"]})
    report = generator_report(POOL, truth, [1, 2])
    found = {(row[0], row[1]): row[2:] for row in report.rows()}
    assert found[("als", 1)] == (pytest.approx(1 / 6), 1, 1)
    assert found[("ease", 1)] == (pytest.approx((0.5 + 1) / 3), 2, 2)
    assert found[("als", 2)] == (pytest.approx(1 / 3), 2, 1)
    assert found[("ease", 2)] == (pytest.approx(0.5), 2, 1)
    assert found[("pool", 2)][:2] == (pytest.approx(2 / 3), 3)


def test_the_pool_is_measured_by_generator():
    generators = [fitted(kind, board.interactions()) for kind in (Popularity, RecentlyViewed)]
    asked = [board.user(1), "stranger"]
    pool, costs = measured_pool(generators, asked, k=3, exclude=no_pairs())
    assert costs.select(c.SOURCE, c.PROPOSED).rows() == [("popularity", 6), ("recently_viewed", 3)]
    assert (costs[c.SECONDS] > 0).all()
    assert pool.equals(candidate_pool(generators, asked, k=3, exclude=no_pairs()))


def test_what_one_source_proposes_keeps_every_word_on_it():
    rows = [
        ("u", "a", "als", 1),
        ("u", "b", "als", 2),
        ("u", "b", "ease", 1),
        ("u", "a", "ease", 3),
        ("v", "b", "als", 3),
    ]
    names = (c.USER_ID, c.ITEM_ID, c.SOURCE, c.RANK)
    pool = pl.DataFrame(rows, schema=names, orient="row")
    assert proposed_within(pool, 1).rows() == rows[:4]
    assert proposed_within(pool, 0).is_empty()
    assert proposed_within(pool.clear(), 1).is_empty()
