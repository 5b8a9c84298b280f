from datetime import timedelta

import polars as pl

from recsys import columns as c
from recsys.candidates.popularity import top_popular
from recsys.testing.checkerboard import START, catalogue, events


def popular(**changes):
    old, new = START - timedelta(days=28), START
    log = events(
        [
            ("u", "old", old),
            ("v", "old", old),
            ("w", "old", old),
            ("u", "new", new),
            ("u", "gone", new),
            ("w", "b", new),
        ]
    )
    categories = pl.col(c.ITEM_ID).replace_strict({"old": "x", "new": "x", "b": "y"}, default=None)
    items = catalogue(log, unavailable=("gone",)).with_columns(categories.alias(c.CATEGORY))
    return top_popular(log, items, **{"n": 10, "per_category": 10, **changes})


def test_what_is_popular_now_comes_first_and_ties_go_by_id():
    rows = popular().filter(pl.col(c.CATEGORY) == "")
    assert rows[c.ITEM_ID].to_list() == ["b", "new", "old"]
    assert rows[c.RANK].to_list() == [1, 2, 3]
    assert rows[c.SCORE].round(6).to_list() == [1.0, 1.0, 3 / 16]


def test_a_long_half_life_remembers():
    assert popular(half_life_days=1e6)[c.ITEM_ID][0] == "old"


def test_each_category_has_its_own_list():
    rows = popular().filter(pl.col(c.CATEGORY) != "").select(c.CATEGORY, c.ITEM_ID, c.RANK).rows()
    assert rows == [("x", "new", 1), ("x", "old", 2), ("y", "b", 1)]


def test_lists_are_cut():
    assert popular(n=1, per_category=1).select(c.CATEGORY, c.ITEM_ID).rows() == [("", "b"), ("x", "new"), ("y", "b")]
