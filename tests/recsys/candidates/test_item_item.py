import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.candidates.item_item import ItemItem, ItemItemParams
from recsys.testing import checkerboard as board


@pytest.fixture(scope="module")
def similar() -> pl.DataFrame:
    return fit(board.interactions()).similar(4)


def fit(log: pl.DataFrame, params: ItemItemParams | None = None, **changes) -> ItemItem:
    return ItemItem(params).fit(log, items=board.catalogue(log, **changes), rng=np.random.default_rng(1))


def test_similar_items_are_of_one_color_and_never_the_item_itself(similar):
    assert set(similar[c.ITEM_ID]) == {board.item(n) for n in range(board.SIDE)}
    assert similar.filter(pl.col(c.ITEM_ID) == pl.col(c.SIMILAR_ITEM_ID)).is_empty()
    number = pl.col(c.ITEM_ID).str.tail(2).cast(pl.Int32), pl.col(c.SIMILAR_ITEM_ID).str.tail(2).cast(pl.Int32)
    assert similar.filter((number[0] - number[1]) % 2 != 0).is_empty()


def test_ranks_are_dense_and_scores_never_rise(similar):
    for _, rows in similar.group_by(c.ITEM_ID):
        assert rows[c.RANK].to_list() == [1, 2, 3, 4]
        assert (rows[c.SCORE].diff().drop_nulls() <= 0).all()


def test_identical_items_stay_similar_to_each_other():
    """Neighbours at the highest possible similarity are not mistaken for the item itself."""
    log = board.events([(f"u{n}", item, board.START) for n in range(5) for item in ("a", "b", "c")])
    rows = fit(log).similar(5).select(c.ITEM_ID, c.SIMILAR_ITEM_ID).rows()
    assert rows == [("a", "b"), ("a", "c"), ("b", "a"), ("b", "c"), ("c", "a"), ("c", "b")]


def test_an_unavailable_item_is_nobodys_neighbour_but_has_some():
    rows = fit(board.interactions(), unavailable=(board.item(2),)).similar(50)
    assert board.item(2) not in set(rows[c.SIMILAR_ITEM_ID])
    assert board.item(2) in set(rows[c.ITEM_ID])


def test_no_more_neighbours_are_kept_than_asked():
    rows = fit(board.interactions(), ItemItemParams(neighbours=2)).similar(50)
    assert rows[c.RANK].max() == 2


def test_because_names_items_of_the_users_history_that_are_near():
    log = board.events(
        [("u", "tea", board.START), ("u", "saw", board.START)]
        + [(f"v{n}", item, board.START) for n in range(9) for item in ("tea", "cup")]
        + [(f"w{n}", item, board.START) for n in range(9) for item in ("saw", "oak")]
    )
    asked = pl.DataFrame({c.USER_ID: ["u", "u", "stranger", "u"], c.ITEM_ID: ["cup", "oak", "cup", "unheard"]})
    answer = fit(log).because(asked)
    assert answer[c.BECAUSE].to_list() == [["tea"], ["saw"], [], []]
    assert answer.select(c.USER_ID, c.ITEM_ID).equals(asked)


def test_because_gives_at_most_what_was_asked_heaviest_first():
    near = [(f"v{n}", item, board.START) for n in range(9) for item in ("goal", "strong")]
    far = [("v0", "weak", board.START), ("x", "weak", board.START), ("y", "weak", board.START)]
    log = board.events([("u", "weak", board.START), ("u", "strong", board.START), *near, *far])
    asked = pl.DataFrame({c.USER_ID: ["u"], c.ITEM_ID: ["goal"]})
    generator = fit(log)
    assert generator.because(asked)[c.BECAUSE].to_list() == [["strong", "weak"]]
    assert generator.because(asked, at_most=1)[c.BECAUSE].to_list() == [["strong"]]
