import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys import columns as c
from recsys.candidates.pool import no_pairs
from recsys.features.item_vectors import ItemVectors
from recsys.ranking.reranking import Reranker
from recsys.ranking.slates import SLATES
from recsys.sites.reranking_policy import RerankingPolicy

ITEMS = [f"i{n:02d}" for n in range(30)]
CATEGORIES = ["x", "x", "x", "y", None]


def slates(**users: dict[str, float]) -> pl.DataFrame:
    """Users to their items and scores, best first."""
    rows = [
        (user, item, "als", score, rank, ["because"])
        for user, items in users.items()
        for rank, (item, score) in enumerate(items.items(), 1)
    ]
    return pl.DataFrame(rows, schema=SLATES, orient="row")


def reranker(
    *, category: dict[str, str] | None = None, age: dict[str, float] | None = None, met: str = "", **policy: object
) -> Reranker:
    """``met``: users and the items they met, as ``u:ab v:bc``; every item is one letter."""
    names = sorted({*(category or {}), *(age or {}), *"abcdefgh"})
    items = pl.DataFrame(
        {
            c.ITEM_ID: names,
            c.CATEGORY: [(category or {}).get(name) for name in names],
            c.AGE_DAYS: [(age or {}).get(name) for name in names],
            c.AVAILABLE: [True] * len(names),
        },
        schema={c.ITEM_ID: pl.String, c.CATEGORY: pl.String, c.AGE_DAYS: pl.Float64, c.AVAILABLE: pl.Boolean},
    )
    pairs = [(user, item) for user, _, items in (word.partition(":") for word in met.split()) for item in items]
    history = pl.DataFrame(pairs, schema={c.USER_ID: pl.String, c.ITEM_ID: pl.String}, orient="row")
    vectors = ItemVectors.of(history, rng=np.random.default_rng(1))
    return Reranker(RerankingPolicy.model_validate(policy), items, vectors)


def order(found: pl.DataFrame, user: str = "u") -> str:
    return "".join(found.filter(pl.col(c.USER_ID) == user).sort(c.RANK)[c.ITEM_ID])


def rerank(one: Reranker, frame: pl.DataFrame) -> pl.DataFrame:
    return one.rerank(frame, exclude=no_pairs(), rng=np.random.default_rng(1))


ABCD = slates(u={"a": 4.0, "b": 3.9, "c": 3.0, "d": 0.0})


def test_off_nothing_changes():
    assert rerank(reranker(), ABCD).equals(ABCD)
    assert not RerankingPolicy().is_on


def test_unlike_items_come_earlier_and_a_twin_last():
    """a and b were met by the same users, c by others: b says what a said."""
    found = rerank(
        reranker(met="v:ab w:ab x:cd y:c", diversity=0.5), slates(u={"a": 4.0, "b": 3.9, "c": 3.0, "e": 0.0})
    )
    assert order(found) == "aceb"
    assert order(rerank(reranker(met="v:ab w:ab x:cd y:c", diversity=0.01), ABCD)) == "abcd"


def test_mmr_by_hand():
    """cos(a,b) = 1/√2, cos(a,c) = 0: 0.6·(0.9) − 0.4·0.71 = 0.257 for b, below 0.6·0.5 = 0.3 for c."""
    found = rerank(reranker(met="v:ab w:a x:c", diversity=0.4), slates(u={"a": 1.0, "b": 0.9, "c": 0.5, "d": 0.0}))
    assert order(found) == "acbd"
    closer = rerank(reranker(met="v:ab w:a x:c", diversity=0.4), slates(u={"a": 1.0, "b": 0.9, "c": 0.42, "d": 0.0}))
    assert order(closer) == "abcd"


def test_a_category_has_no_more_than_its_places_while_there_are_others():
    kinds = {"a": "x", "b": "x", "c": "x", "d": "y"}
    found = rerank(
        reranker(category=kinds, max_per_category=1, positions=3),
        slates(u=dict(zip("abcdefg", range(7, 0, -1), strict=True))),
    )
    assert order(found) == "ad" + "e" + "bcfg", "items without a category are not counted; after position 3 as before"
    only = rerank(reranker(category=dict.fromkeys("abcd", "x"), max_per_category=1), ABCD)
    assert order(only) == "abcd", "where there is nothing else the cap gives way"


def test_new_items_rise_by_half_for_each_half_life():
    ages = {"a": 700.0, "b": 700.0, "c": 7.0, "d": 0.0}
    assert order(rerank(reranker(age=ages, freshness_boost=0.6, freshness_half_life_days=7), ABCD)) == "cabd"
    assert order(rerank(reranker(age=ages, freshness_boost=1.1, freshness_half_life_days=7), ABCD)) == "cdab"
    assert order(rerank(reranker(freshness_boost=5.0), ABCD)) == "abcd", "an unknown age is not new"


def test_places_keep_their_scores_and_items_their_source_and_reason():
    frame = slates(u={"a": 4.0, "b": 1.0}).with_columns(pl.Series(c.SOURCE, ["als", "ease"]))
    found = rerank(reranker(age={"b": 0.0}, freshness_boost=3.0), frame)
    assert found.schema == SLATES
    assert found.rows() == [("u", "b", "ease", 4.0, 1, ["because"]), ("u", "a", "als", 1.0, 2, ["because"])]


def test_nobody_is_an_answer():
    assert rerank(reranker(diversity=0.5, max_per_category=1), ABCD.clear()).equals(ABCD.clear())


def test_many_users_are_as_each_alone(monkeypatch):
    monkeypatch.setattr("recsys.ranking.reranking.USERS_AT_ONCE", 3)
    one = random_reranker(diversity=0.4, max_per_category=2, freshness_boost=0.3)
    frame = random_slates(20)
    whole = rerank(one, frame)
    alone = [rerank(one, part) for part in frame.partition_by(c.USER_ID, maintain_order=True)]
    assert whole.equals(pl.concat(alone))
    assert whole.equals(rerank(one, frame.reverse()))


def random_reranker(**policy: object) -> Reranker:
    rng = np.random.default_rng(4)
    history = pl.DataFrame(
        {c.USER_ID: [f"h{n}" for n in rng.integers(0, 50, 400)], c.ITEM_ID: rng.choice(ITEMS, 400).tolist()}
    )
    items = pl.DataFrame(
        {
            c.ITEM_ID: ITEMS,
            c.CATEGORY: [CATEGORIES[n % 5] for n in range(30)],
            c.AGE_DAYS: rng.random(30) * 60,
            c.AVAILABLE: [True] * 30,
        }
    )
    return Reranker(RerankingPolicy.model_validate(policy), items, ItemVectors.of(history, rng=rng))


def random_slates(users: int) -> pl.DataFrame:
    rng = np.random.default_rng(6)
    wanted = {
        f"u{n:02d}": dict(
            zip(
                rng.permutation(ITEMS)[: rng.integers(1, 30)].tolist(),
                sorted(rng.random(30), reverse=True),
                strict=False,
            )
        )
        for n in range(users)
    }
    return slates(**wanted)


@given(st.floats(0, 0.99), st.none() | st.integers(1, 5), st.floats(0, 2), st.integers(1, 30), st.integers(1, 4))
def test_no_item_is_lost_and_caps_hold_as_long_as_they_can(diversity, cap, boost, positions, users):
    one = random_reranker(diversity=diversity, max_per_category=cap, freshness_boost=boost, positions=positions)
    before = random_slates(users)
    after = rerank(one, before)
    assert after.select(c.USER_ID, c.RANK, c.SCORE).equals(before.select(c.USER_ID, c.RANK, c.SCORE))
    assert after.select(c.USER_ID, c.ITEM_ID).sort(pl.all()).equals(before.select(c.USER_ID, c.ITEM_ID).sort(pl.all()))
    kinds = dict(one.items.select(c.ITEM_ID, c.CATEGORY).iter_rows())
    for user in before[c.USER_ID].unique():
        shown = after.filter(pl.col(c.USER_ID) == user)[c.ITEM_ID].to_list()
        seen: dict[str, int] = {}
        for place, item in enumerate(shown[:positions] if cap else []):
            kind = kinds[item]
            if kind is not None and seen.get(kind, 0) >= (cap or 0):
                left = [kinds[each] for each in shown[place:]]
                assert all(each is not None and seen.get(each, 0) >= (cap or 0) for each in left)
            if kind is not None:
                seen[kind] = seen.get(kind, 0) + 1


def test_vectors_are_about_the_cosine_of_who_met_them():
    history = pl.DataFrame(
        [("u", "a"), ("v", "a"), ("u", "b"), ("w", "d"), ("u", "b")], schema=[c.USER_ID, c.ITEM_ID], orient="row"
    )
    vectors = ItemVectors.of(history, rng=np.random.default_rng(1))
    a, b, d, unknown = vectors.at(pl.Series(["a", "b", "d", "never"]))
    assert a @ b == pytest.approx(1 / np.sqrt(2), abs=1e-6)
    assert (a @ d, a @ unknown) == pytest.approx((0.0, 0.0), abs=1e-6)


def test_a_truncated_svd_is_near_the_whole():
    rng = np.random.default_rng(2)
    group = rng.integers(0, 4, 4000)
    users, items = group * 40 + rng.integers(0, 40, 4000), group * 30 + rng.integers(0, 30, 4000)
    history = pl.DataFrame({c.USER_ID: [f"u{n}" for n in users], c.ITEM_ID: [f"i{n:03d}" for n in items]})
    exact, short = (ItemVectors.of(history, rng=np.random.default_rng(1), dimensions=d) for d in (500, 60))
    assert short.vectors.shape[1] == 60
    error = np.abs(exact.vectors @ exact.vectors.T - short.vectors @ short.vectors.T)
    assert error.mean() < 0.05
