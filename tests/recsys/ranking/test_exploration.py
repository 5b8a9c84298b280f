import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys import columns as c
from recsys.candidates.pool import no_pairs
from recsys.ranking.exploration import EXPLORED, explore
from recsys.ranking.slates import SLATES


def slates(items: str = "abcd", users: int = 1) -> pl.DataFrame:
    rows = [
        (f"u{n:05d}", item, "als", 1.0 / rank, rank, [item]) for n in range(users) for rank, item in enumerate(items, 1)
    ]
    return pl.DataFrame(rows, schema=SLATES, orient="row")


def explored(
    frame: pl.DataFrame, new: str, share: float, *, positions: int = 3, seed: int = 1, exclude=None
) -> pl.DataFrame:
    return explore(
        frame,
        list(new),
        share=share,
        positions=positions,
        exclude=no_pairs() if exclude is None else exclude,
        rng=np.random.default_rng(seed),
    )


def test_the_share_of_places_converges():
    found = explored(slates(users=6000), "xyz", 0.2)
    places = found.filter(pl.col(c.RANK) <= 3)
    assert places.select((pl.col(c.SOURCE) == EXPLORED).mean()).item() == pytest.approx(0.2, abs=0.01)
    drawn = found.filter(pl.col(c.SOURCE) == EXPLORED)
    assert drawn[c.RANK].max() == 3
    shares = drawn[c.ITEM_ID].value_counts(normalize=True)["proportion"].to_list()
    assert shares == pytest.approx([1 / 3] * 3, abs=0.03)


def test_first_places_have_the_propensities_that_were_promised():
    first = explored(slates(users=200), "xy", 0.3).filter(pl.col(c.RANK) == 1)
    said = dict(first.select(c.ITEM_ID, c.PROPENSITY).unique().iter_rows())
    assert said == pytest.approx({"a": 0.7, "x": 0.15, "y": 0.15})
    assert sum(said.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("slate", ["abc", "axc", "xyc"])
def test_propensities_of_whole_slates_are_how_often_they_come(slate):
    """Also where new items stand in the slate already: the product over places is the probability of the slate."""
    users = 20_000
    found = (
        explored(slates(slate, users), "xy", 0.4)
        .group_by(c.USER_ID)
        .agg(pl.col(c.ITEM_ID).sort_by(c.RANK).str.join(), pl.col(c.PROPENSITY).product())
    )
    often = found.group_by(c.ITEM_ID).agg(
        pl.len() / users, pl.col(c.PROPENSITY).first(), (pl.col(c.PROPENSITY).n_unique() == 1).alias(c.LABEL)
    )
    assert often[c.PROPENSITY].sum() == pytest.approx(1.0), "all slates that can come did come"
    assert (often["len"] - often[c.PROPENSITY]).abs().max() < 0.015


def test_weighing_by_propensity_tells_what_every_item_is_worth():
    """Each first place pays what its item is worth; 1/propensity gives the mean worth of showing x to everybody."""
    worth = {"a": 0.9, "x": 0.3, "y": 0.6}
    first = explored(slates(users=30_000), "xy", 0.3).filter(pl.col(c.RANK) == 1)
    pays = first.with_columns(pl.col(c.ITEM_ID).replace_strict(worth).alias(c.VALUE))
    for item, value in worth.items():
        mine = (pl.col(c.ITEM_ID) == item) * pl.col(c.VALUE) / pl.col(c.PROPENSITY)
        assert pays.select(mine.mean()).item() == pytest.approx(value, rel=0.05)


def test_what_a_user_must_not_see_is_not_drawn():
    exclude = pl.DataFrame({c.USER_ID: ["u00000", "u00001"], c.ITEM_ID: ["x", "a"]})
    found = explored(slates(users=2), "x", 0.5, exclude=exclude, seed=2)
    blocked = found.filter(pl.col(c.USER_ID) == "u00000")
    assert blocked[c.ITEM_ID].to_list() == list("abcd")
    assert blocked[c.PROPENSITY].to_list() == [1.0] * 4


def test_after_its_positions_the_slate_goes_on():
    found = explored(slates("abcdef", users=300), "xyz", 0.5, positions=2)
    for items in found.sort(c.RANK).group_by(c.USER_ID).agg(c.ITEM_ID)[c.ITEM_ID]:
        old = [item for item in items if item in "abcdef"]
        assert old == sorted(old)
        assert set(items[2:]) <= set("abcdef")
    assert found.filter(pl.col(c.RANK) > 2)[c.PROPENSITY].unique().to_list() == [1.0]


@given(st.integers(0, 5), st.integers(0, 4), st.integers(1, 8), st.integers(0, 50), st.floats(0.01, 0.5))
def test_slates_keep_length_scores_and_have_no_item_twice(length, new, positions, seed, share):
    before = slates("xabyc"[:length], users=3)
    after = explored(before, "xyzw"[:new], share, positions=positions, seed=seed)
    assert after.schema == {**SLATES, c.PROPENSITY: pl.Float64}
    assert after.select(c.USER_ID, c.RANK, c.SCORE).equals(before.select(c.USER_ID, c.RANK, c.SCORE))
    assert not after.select(c.USER_ID, c.ITEM_ID).is_duplicated().any()
    assert after.select(pl.col(c.PROPENSITY).is_between(0, 1 + 1e-12, closed="right").all()).item()


def test_the_seed_decides_and_the_order_of_rows_does_not():
    frame = slates(users=50)
    assert explored(frame, "xyz", 0.4).equals(explored(frame.reverse(), "xyz", 0.4))
    assert not explored(frame, "xyz", 0.4).equals(explored(frame, "xyz", 0.4, seed=2))


def test_an_item_that_was_drawn_earlier_keeps_its_reason_and_says_it_was_drawn():
    found = explored(slates("ax", users=100), "x", 0.5, positions=1).filter(
        pl.col(c.RANK) == 1, pl.col(c.ITEM_ID) == "x"
    )
    assert found.height > 20
    assert found[c.SOURCE].unique().to_list() == [EXPLORED]
    assert found[c.BECAUSE].to_list()[0] == ["x"]
