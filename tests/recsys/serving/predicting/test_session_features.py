"""Features of a session: what they say, and that no later event changes them."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.predictors.intent import Session, prefixes_of
from recsys.serving.predicting.session import SessionEvent, SessionRules
from recsys.serving.predicting.session_features import SessionWalk, feature_names

RULES = SessionRules(
    event_types=("view", "cart", "remove", "purchase"),
    purchase="purchase",
    cart="cart",
    remove="remove",
    pause_seconds=1800.0,
)
numbers = st.floats(0, 1e5, allow_nan=False) | st.none()
events = st.lists(
    st.builds(
        SessionEvent,
        st.sampled_from(RULES.seen_types),
        timestamp=numbers,
        item_id=st.sampled_from("abc") | st.none(),
        category=st.sampled_from("xy") | st.none(),
        price=numbers,
    ),
    min_size=1,
    max_size=12,
)


def known(*told: SessionEvent) -> dict[str, float]:
    walk = SessionWalk(RULES)
    for event in told:
        walk.add(event)
    return dict(zip(feature_names(RULES), walk.features(), strict=True))


def test_what_the_features_say():
    found = known(
        SessionEvent("view", 3600.0, "a", "x", 10.0),
        SessionEvent("view", 3660.0, "b", "y", 30.0),
        SessionEvent("cart", 3670.0, "b", "y", 30.0),
        SessionEvent("view", 3770.0, "a", "x", 10.0),
    )
    expected = {
        **{"events": 4, "event_types": 2, "count_view": 3, "count_cart": 1, "share_view": 0.75, "since_view": 0},
        **{"since_cart": 1, "pair_view_view": 1, "pair_view_cart": 1, "pair_cart_view": 1, "pair_cart_cart": 0},
        **{"last_1": 0, "last_2": 1, "last_3": 0, "seconds": 170, "last_gap": 100, "longest_gap": 100, "hour": 1},
        **{"items": 2, "revisits": 0.5, "last_item_events": 2, "last_item_in_cart": 0, "last_price": 10},
        **{"mean_price": 20, "lowest_price": 10, "highest_price": 30, "price_ratio": 0.5, "categories": 2},
        **{"category_share": 0.5, "category_changes": 2, "cart_items": 1, "cart_value": 30, "events_since_cart": 1},
        **{"seconds_since_cart": 100},
    }
    assert {name: found[name] for name in expected} == expected
    assert math.isnan(found["since_remove"])


def test_what_is_taken_out_is_no_longer_in_the_cart():
    found = known(SessionEvent("cart", item_id="a", price=5.0), SessionEvent("remove", item_id="a"))
    assert found["cart_items"] == 0
    assert math.isnan(found["cart_value"])
    assert math.isnan(found["seconds"])


@given(events, events)
def test_an_event_after_the_prediction_changes_nothing(before, after):
    session = Session("u", tuple(before + after), bought=True, ended=0.0)
    longer = prefixes_of([session], RULES).examples.table[: len(before)]
    shorter = prefixes_of([Session("u", tuple(before), bought=False, ended=0.0)], RULES).examples.table
    assert longer.tobytes() == shorter.tobytes()


@settings(max_examples=50)
@given(st.lists(events, min_size=1, max_size=6))
def test_a_drawn_beginning_is_the_same_as_among_all(sessions):
    asked = [Session(f"u{n}", tuple(each), bought=n % 2 == 0, ended=0.0) for n, each in enumerate(sessions)]
    every = prefixes_of(asked, RULES)
    some = prefixes_of(asked, RULES, at_most=3, rng=np.random.default_rng(1))
    rows = {(s, e): row.tobytes() for s, e, row in zip(every.session, every.events, every.examples.table, strict=True)}
    assert len(some.examples) == min(3, len(every.examples))
    for session, length, row in zip(some.session, some.events, some.examples.table, strict=True):
        assert rows[session, length] == row.tobytes()
