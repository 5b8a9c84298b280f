import numpy as np
import polars as pl

from recsys import columns as c
from recsys.candidates.generator import CANDIDATES
from recsys.candidates.pool import one_row_per_pair
from recsys.ranking.slates import SLATES, rank_rows

SOURCES = ["als", "ease"]
ROWS = one_row_per_pair(
    pl.DataFrame(
        [
            ("u", "a", "als", 3.0, 1),
            ("u", "b", "als", 2.0, 2),
            ("u", "b", "ease", 9.0, 1),
            ("u", "c", "ease", 1.0, 2),
            ("v", "a", "als", 1.0, 1),
        ],
        schema=CANDIDATES,
        orient="row",
    ),
    SOURCES,
)


def test_the_score_decides_and_the_source_that_ranked_best_is_named():
    slates = rank_rows(ROWS, np.array([0.1, 0.9, 0.5, 0.0]), sources=SOURCES, size=10)
    assert slates.schema == SLATES
    assert slates.rows() == [
        ("u", "b", "ease", 0.9, 1, []),
        ("u", "c", "ease", 0.5, 2, []),
        ("u", "a", "als", 0.1, 3, []),
        ("v", "a", "als", 0.0, 1, []),
    ]


def test_slates_are_cut():
    assert rank_rows(ROWS, np.zeros(4), sources=SOURCES, size=1).height == 2


def test_ties_go_to_the_better_source_rank_then_to_the_id():
    slates = rank_rows(ROWS, np.zeros(4), sources=SOURCES, size=10)
    assert slates.filter(pl.col(c.USER_ID) == "u")[c.ITEM_ID].to_list() == ["a", "b", "c"]


def test_no_rows_are_no_slates():
    assert rank_rows(ROWS.clear(), np.empty(0), sources=SOURCES, size=10).schema == SLATES
