from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.candidates.pool import no_pairs
from recsys.ranking.training_rows import drawn, gains, training_rows
from recsys.sites.config import InteractionType
from recsys.testing.checkerboard import START, events

TYPES = (
    InteractionType(name="view", gain=1),
    InteractionType(name="look", gain=0),
    InteractionType(name="buy", gain=3),
)
END = START + timedelta(days=7)


def labels(exclude: pl.DataFrame | None = None) -> pl.DataFrame:
    log = events(
        [
            ("u", "bought", START),
            ("u", "bought", START + timedelta(days=1)),
            ("u", "looked", START),
            ("u", "late", END),
            ("u", "early", START - timedelta(microseconds=1)),
            ("v", "seen", END - timedelta(microseconds=1)),
        ]
    ).with_columns(pl.Series(c.EVENT_TYPE, ["buy", "view", "look", "buy", "buy", "view"]))
    return gains(log, TYPES, start=START, end=END, exclude=no_pairs() if exclude is None else exclude)


def test_a_pair_is_worth_its_best_event_inside_the_window():
    assert labels().rows() == [("u", "bought", 3), ("v", "seen", 1)]


def test_excluded_pairs_are_no_success():
    assert labels(pl.DataFrame({c.USER_ID: ["u"], c.ITEM_ID: ["bought"]})).rows() == [("v", "seen", 1)]


def test_users_are_drawn_only_where_there_are_too_many():
    users = [f"u{n}" for n in range(9)]
    assert drawn(users, at_most=9, rng=np.random.default_rng(1)) == users
    some = drawn(users, at_most=4, rng=np.random.default_rng(1))
    assert len(set(some)) == 4
    assert some == sorted(set(some) & set(users))


def candidates(items: int = 10) -> pl.DataFrame:
    pairs = [(user, f"i{n:02d}") for user in ("u", "v") for n in range(items)]
    return pl.DataFrame(pairs, schema=[c.USER_ID, c.ITEM_ID], orient="row")


def rows(negatives: int = 3, seed: int = 1, frame: pl.DataFrame | None = None) -> pl.DataFrame:
    known = pl.DataFrame({c.USER_ID: ["u", "u"], c.ITEM_ID: ["i04", "unproposed"], c.LABEL: [2, 1]}).cast(
        {c.LABEL: pl.Int32}
    )
    return training_rows(
        candidates() if frame is None else frame,
        known,
        as_of=START,
        negatives_per_user=negatives,
        rng=np.random.default_rng(seed),
    )


def test_users_without_success_are_left_out_and_negatives_are_counted():
    found = rows()
    assert set(found[c.USER_ID]) == {"u"}
    assert found.filter(pl.col(c.LABEL) > 0)[c.ITEM_ID].to_list() == ["i04"]
    assert found.filter(pl.col(c.LABEL) == 0).height == 3
    assert found[c.AS_OF].unique().to_list() == [START]


def test_fewer_candidates_than_negatives_are_all_kept():
    assert rows(negatives=100).height == 10


def test_the_seed_decides_and_the_order_of_rows_does_not():
    assert rows(seed=1).equals(rows(seed=1))
    assert rows(seed=1).equals(rows(seed=1, frame=candidates().reverse()))
    assert any(not rows(seed=1).equals(rows(seed=other)) for other in range(2, 6))


def test_every_negative_has_the_same_chance():
    """Also the best-ranked: a ranker that meets them too often learns that a good rank is bad."""
    drawn = pl.concat([rows(seed=seed) for seed in range(600)]).filter(pl.col(c.LABEL) == 0)
    shares = drawn.group_by(c.ITEM_ID).len()["len"] / drawn.height
    assert len(shares) == 9
    assert shares.to_list() == pytest.approx([1 / 9] * 9, abs=0.03)


def agreed() -> pl.DataFrame:
    """The generators are at one about the items in the order of their names, the last most."""
    share = pl.col(c.ITEM_ID).str.tail(2).cast(pl.Int64).cast(pl.Float64) / 10
    return candidates().with_columns(share.alias(c.source_share("als")))


@pytest.mark.parametrize(("kind", "certain"), [("hard", 5), ("mixed", 1), ("random", 0)])
def test_hard_negatives_are_what_the_generators_agree_about(kind, certain):
    known = pl.DataFrame({c.USER_ID: ["u"], c.ITEM_ID: ["i04"], c.LABEL: [1]}).cast({c.LABEL: pl.Int32})
    always = {"i09", "i08", "i07", "i06", "i05", "i03", "i02", "i01", "i00"}
    for seed in range(40):
        found = training_rows(
            agreed(), known, as_of=START, negatives_per_user=5, rng=np.random.default_rng(seed), negatives=kind
        ).filter(pl.col(c.LABEL) == 0)
        assert found.height == 5
        always &= set(found[c.ITEM_ID])
    assert always == set(["i09", "i08", "i07", "i06", "i05"][:certain])


@pytest.mark.parametrize("kind", ["random", "mixed", "hard"])
def test_the_rows_stand_for_all_candidates(kind):
    """But with hard negatives alone, where what is left out has nobody to stand for it."""
    known = pl.DataFrame({c.USER_ID: ["u"], c.ITEM_ID: ["i04"], c.LABEL: [1]}).cast({c.LABEL: pl.Int32})
    found = training_rows(
        agreed(), known, as_of=START, negatives_per_user=5, rng=np.random.default_rng(1), negatives=kind
    )
    assert found[c.STANDS_FOR].sum() == pytest.approx(10 if kind != "hard" else 6)
    assert found.filter(pl.col(c.LABEL) > 0)[c.STANDS_FOR].to_list() == [1.0]


def test_nobody_is_not_an_error():
    assert rows(frame=candidates().clear()).is_empty()
