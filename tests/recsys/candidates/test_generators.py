"""What each generator says that no other does, and what all of them make of strange logs."""

import json
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from recsys import columns as c
from recsys.candidates.content import Content
from recsys.candidates.generator import SESSIONS
from recsys.candidates.group_popularity import GroupPopularity, GroupPopularityParams
from recsys.candidates.neighbours import Neighbours, NeighboursParams
from recsys.candidates.newcomers import Newcomers
from recsys.candidates.pool import no_pairs, no_session_pairs
from recsys.candidates.popularity import popular_items
from recsys.candidates.prod2vec import sentences
from recsys.candidates.recently_viewed import RecentlyViewed, RecentlyViewedParams
from recsys.candidates.registry import KINDS
from recsys.candidates.trending import Trending
from recsys.testing import checkerboard as board
from recsys.testing.generators import EVERYBODY, WITHHELD, first_of

DAY = timedelta(days=1)


def fit(generator, log: pl.DataFrame, items: pl.DataFrame | None = None):
    items = board.catalogue(log) if items is None else items
    return generator.fit(log, items=items, rng=np.random.default_rng(1))


def ask(generator, user: str, k: int = 10) -> list[str]:
    return generator.generate([user], k=k, exclude=no_pairs())[c.ITEM_ID].to_list()


def test_content_proposes_what_nobody_has_met():
    log = board.events([("u", "kettle", board.START)])
    told = {"kettle": "steel kettle", "pot": "Steel pot", "sofa": "green sofa", "gone": "steel gone"}
    items = board.catalogue(board.events([("x", name, board.START) for name in told]), unavailable=("gone",))
    items = items.with_columns(pl.col(c.ITEM_ID).replace_strict(told).alias(c.TITLE))
    generator = fit(Content(), log, items)
    assert ask(generator, "u") == ["kettle", "pot"]
    assert generator.similar_to(["pot", "sofa"], k=5).select(c.ITEM_ID, c.SIMILAR_ITEM_ID).rows() == [("pot", "kettle")]


def test_content_reads_attributes_as_values_and_long_ones_as_text():
    log = board.events([("u", name, board.START) for name in ("a", "b", "c", "d")])
    told = {
        "a": {"brand": "acme", "tags": ["x", "y"]},
        "b": {"brand": "acme", "vector": [0.1, 0.2]},
        "c": {"tags": ["y"], "blurb": "one of the very best things"},
        "d": {"blurb": "among the very best ones there"},
    }
    items = board.catalogue(log).with_columns(
        pl.Series(c.ATTRIBUTES, [json.dumps(told[name]) for name in ("a", "b", "c", "d")]),
        pl.lit(None, pl.String).alias(c.TITLE),
        pl.lit(None, pl.String).alias(c.CATEGORY),
    )
    rows = fit(Content(), log, items).similar_to(["a", "d"], k=5)
    assert set(rows.select(c.ITEM_ID, c.SIMILAR_ITEM_ID).rows()) == {("a", "b"), ("a", "c"), ("d", "c")}


def test_newcomers_take_what_users_begin_with():
    begun = [(f"u{n}", "first", board.START) for n in range(3)]
    later = [(f"u{n}", "later", board.START + 2 * DAY) for n in range(3)] * 2
    log = board.events([*begun, *later, ("u9", "rare", board.START)])
    assert ask(fit(Newcomers(), log), "stranger") == ["first", "rare"]


def test_trending_is_what_rises_not_what_is_popular():
    old = [(f"u{n}", "evergreen", board.START - n * DAY) for n in range(4, 30)] * 4
    new = [(f"v{n}", "rising", board.START) for n in range(9)] + [("w", "evergreen", board.START)]
    log = board.events(old + new)
    assert ask(fit(Trending(), log), "anybody") == ["rising"]
    assert popular_items(log, board.catalogue(log), half_life_days=None)[c.ITEM_ID][0] == "evergreen"


def test_popularity_counts_weights_events_or_users():
    log = board.events([("u", "often", board.START)] * 5 + [(f"v{n}", "wide", board.START) for n in range(3)])
    log = pl.concat(
        [log, board.events([("w", "dear", board.START)]).with_columns(pl.lit(9, pl.Float32).alias(c.WEIGHT))]
    )
    first = {
        count: popular_items(log, board.catalogue(log), half_life_days=7.0, count=count)[c.ITEM_ID][0]
        for count in ("weights", "events", "users")
    }
    assert first == {"weights": "dear", "events": "often", "users": "wide"}


def test_popularity_by_an_attribute():
    countries = {"tea": "uk", "scone": "uk", "wurst": "de", "brot": "de", "void": None}
    log = board.events(
        [("u", "tea", board.START), *((f"v{n}", name, board.START) for name in countries for n in range(3))]
    )
    items = board.catalogue(log)
    stated = [json.dumps({"home land": countries[name]}) for name in items[c.ITEM_ID]]
    generator = GroupPopularity(GroupPopularityParams(by="home land"))
    fitted = fit(generator, log, items.with_columns(pl.Series(c.ATTRIBUTES, stated)))
    assert ask(fitted, "u") == ["tea", "scone"]
    assert ask(fit(GroupPopularity(GroupPopularityParams(by="brand")), log, items), "u") == []


def test_recently_viewed_goes_back_from_the_latest_even_within_a_second():
    moments = [("a", 3), ("b", 1), ("c", 2), ("b", 4)]
    log = board.events([("u", item, board.START + timedelta(microseconds=n)) for item, n in moments])
    assert ask(fit(RecentlyViewed(), log), "u") == ["b", "a", "c"]
    assert ask(fit(RecentlyViewed(RecentlyViewedParams(newest=2)), log), "u") == ["b", "a"]
    assert ask(fit(RecentlyViewed(RecentlyViewedParams(event_types=("purchase",))), log), "u") == []
    session = pl.DataFrame([("s", "c", 1), ("s", "a", 2)], schema=SESSIONS, orient="row")
    back = fit(RecentlyViewed(), log).continue_sessions(session, k=5, exclude=no_session_pairs())
    assert back[c.ITEM_ID].to_list() == ["a", "c"]


@pytest.mark.parametrize("similarity", ["cosine", "tfidf", "bm25"])
def test_every_textbook_similarity_knows_the_board(similarity):
    log = board.interactions()
    generator = fit(Neighbours(NeighboursParams(similarity=similarity)), log)
    answers = generator.generate(EVERYBODY, k=3, exclude=board.touched(log))
    assert first_of(answers, c.USER_ID) == WITHHELD


def test_sentences_are_sessions_or_users_in_order():
    log = board.events([("u", "b", board.START + DAY), ("u", "a", board.START), ("v", "c", board.START)])
    items = log[c.ITEM_ID].unique().sort()
    assert sorted(sentences(log, items)) == [["0", "1"], ["2"]]
    split = log.with_columns(pl.Series(c.SESSION_ID, ["s1", "s2", None]))
    assert sorted(sentences(split, items)) == [["0"], ["1"], ["2"]]


events = st.lists(
    st.tuples(
        st.sampled_from("uvw"), st.sampled_from("abcde"), st.integers(0, 40), st.sampled_from([0.0, 0.1, 1.0, 1e6])
    ),
    max_size=25,
)


@settings(max_examples=12, deadline=None)
@given(events, st.integers(1, 9))
@pytest.mark.parametrize("kind", KINDS)
def test_any_small_log_is_answered_in_order_and_within_bounds(kind, rows, k):
    params, make = KINDS[kind]
    log = board.events([(user, item, board.START + day * DAY) for user, item, day, _ in rows])
    log = log.with_columns(
        pl.Series(c.WEIGHT, [row[3] for row in rows], dtype=pl.Float32), (pl.int_range(pl.len()) % 5.0).alias(c.VALUE)
    )
    generator, again = fit(make(params()), log), fit(make(params()), log.reverse())
    session = pl.DataFrame([("s", "a", 1), ("s", "e", 2)], schema=SESSIONS, orient="row")
    for answers, same in (
        (one.generate(["u", "v", "x"], k=k, exclude=board.touched(log).head(3)) for one in (generator, again)),
        (one.continue_sessions(session, k=k, exclude=no_session_pairs()) for one in (generator, again)),
    ):
        assert_frame_equal(answers, same)
        assert answers[c.SCORE].is_finite().all()
        assert answers.height <= 3 * min(k, 5)
        assert not answers.select(c.ITEM_ID, answers.columns[0]).is_duplicated().any()
    near = generator.similar_to(list("abcde"), k=k)
    assert near.filter(pl.col(c.ITEM_ID) == pl.col(c.SIMILAR_ITEM_ID)).is_empty()


@pytest.mark.parametrize("kind", KINDS)
def test_a_user_with_a_hundred_thousand_events_is_one_of_many(kind):
    params, make = KINDS[kind]
    chosen = params(**{name: 1 for name in ("epochs",) if name in params.model_fields})
    board_log, numbers = board.ratings(), pl.int_range(100_000, eager=True)
    robot = {
        c.USER_ID: pl.lit("robot"),
        c.ITEM_ID: "x" + (numbers % 20_000).cast(pl.String),
        c.EVENT_TYPE: pl.lit("view"),
        c.TIMESTAMP: pl.lit(board.START) + pl.duration(seconds=numbers),
        c.WEIGHT: pl.lit(1.0),
    }
    known = [robot.get(name, pl.lit(None)).cast(kind).alias(name) for name, kind in board_log.schema.items()]
    log = pl.concat([board_log, numbers.to_frame().select(known)])
    answers = fit(make(chosen), log).generate(["robot", *EVERYBODY], k=5, exclude=no_pairs())
    assert answers[c.SCORE].is_finite().all()
    assert set(EVERYBODY) <= set(answers[c.USER_ID])
