from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from recsys.serving.reading import ReleaseKey
from recsys.serving.seen_events import AROUND, SHORT, STEP, SeenEvent, pack, unpack
from recsys.serving.told import LOOK_BACK, MOST_EVENTS, OffSale, Told
from recsys.testing.small_release import NOON

KEY = ReleaseKey("shop", "first", NOON, NOON)
LATER = ReleaseKey("shop", "second", NOON + 2 * LOOK_BACK, NOON + 2 * LOOK_BACK)
MINUTE = timedelta(minutes=1)


def seen(number, *, event_type="view", minutes=0):
    at = (NOON + minutes * MINUTE).timestamp()
    return SeenEvent(f"e{number}", f"i{number}", event_type, at, at)


def items(activity):
    return [event.item_id for event in activity.events]


@given(st.permutations(range(6)), st.lists(st.integers(0, 5)))
def test_the_order_of_telling_and_telling_twice_change_nothing(order, again):
    told = Told(KEY)
    for number in [*order, *again]:
        told.event("anna", seen(number, minutes=number % 4))
    assert items(told.activity("anna", KEY, events=4, bought_by=None)) == ["i3", "i2", "i1", "i5"]
    assert told.events == 6


def test_what_was_bought_counts_also_when_it_is_not_among_the_last():
    told = Told(KEY)
    told.event("anna", seen(1, event_type="purchase"))
    told.event("anna", seen(2, minutes=1))
    activity = told.activity("anna", KEY, events=1, bought_by="purchase")
    assert (items(activity), activity.bought) == (["i2"], {"i1"})
    assert told.activity("anna", KEY, events=1, bought_by=None).bought == frozenset()


def test_a_release_is_answered_with_a_view_to_what_it_has_known_for_less_than_a_day():
    noon, day = NOON.timestamp(), LOOK_BACK.total_seconds()
    old = SeenEvent("old", "i1", "view", noon - day - 60, noon - day - 60)
    late = SeenEvent("late", "i2", "view", noon - 9 * day, noon)
    fresh = SeenEvent("fresh", "i3", "view", noon - day, noon - day)
    told = Told(KEY)
    for event in (old, late, fresh):
        told.event("anna", event)
    assert items(told.activity("anna", KEY, events=9, bought_by=None)) == ["i3", "i2"]


def test_an_earlier_release_and_a_busy_user_are_left_to_postgres():
    told = Told(LATER)
    assert told.activity("anna", KEY, events=5, bought_by=None) is None
    told = Told(KEY)
    for number in range(MOST_EVENTS + 1):
        told.event("bot", seen(number))
    assert told.activity("bot", KEY, events=5, bought_by=None) is None
    assert items(told.activity("nobody", KEY, events=5, bought_by=None)) == []


def test_of_a_user_who_is_not_here_postgres_is_asked_once():
    told = Told(KEY, everyone=False)
    told.event("anna", seen(1))
    assert told.activity("anna", KEY, events=5, bought_by=None) is None, "there may be more"
    expected = told.expect(["anna", "ben", "cleo"])
    told.event("anna", seen(3, minutes=2))
    told.event("anna", seen(2, minutes=1))
    told.learn(expected, {"anna": [seen(2, minutes=1), seen(1)], "ben": []})
    assert items(told.activity("anna", KEY, events=5, bought_by=None)) == ["i3", "i2", "i1"]
    assert items(told.activity("ben", KEY, events=5, bought_by=None)) == []
    assert told.activity("cleo", KEY, events=5, bought_by=None) is None, "nobody found out"
    assert told.events == 3


def test_what_was_asked_before_a_user_was_forgotten_is_not_kept():
    told = Told(KEY, everyone=False)
    expected = told.expect(["anna"])
    told.forget("anna", NOON)
    told.learn(expected, {"anna": [seen(1)]})
    assert told.activity("anna", KEY, events=5, bought_by=None) is None


def test_nothing_is_lost_where_one_of_several_who_ask_has_no_answer():
    told = Told(KEY, everyone=False)
    first, second = told.expect(["anna"]), told.expect(["anna"])
    told.learn(first, {})
    third = told.expect(["anna"])
    told.event("anna", seen(2, minutes=1))
    told.learn(second, {"anna": [seen(1)]})
    assert told.activity("anna", KEY, events=5, bought_by=None) is None, "the second may lack what was told since"
    told.learn(third, {"anna": [seen(1)]})
    assert items(told.activity("anna", KEY, events=5, bought_by=None)) == ["i2", "i1"]


def test_beyond_the_most_those_who_did_nothing_for_longest_are_left_to_postgres():
    told = Told(KEY, most=5)
    for user, number in (("anna", 1), ("ben", 2), ("anna", 3), ("cleo", 4)):
        told.event(user, seen(number))
    assert told.events == 3, "of two users"
    assert told.activity("ben", KEY, events=5, bought_by=None) is None
    assert items(told.activity("anna", KEY, events=5, bought_by=None)) == ["i1", "i3"]
    told.event("ben", seen(5))
    assert told.activity("ben", KEY, events=5, bought_by=None) is None  # only Postgres knows all of it
    told.forget("ben", NOON)
    told.forget("anna", NOON)
    assert told.events == 1


def test_who_was_left_to_postgres_is_not_remembered_without_end(monkeypatch):
    monkeypatch.setattr("recsys.serving.told.MOST_ELSEWHERE", 1)
    told = Told(KEY, most=2)
    for number, user in enumerate(("anna", "ben")):
        told.event(user, seen(number))
    assert items(told.activity("nobody", KEY, events=5, bought_by=None)) == []
    told.event("cleo", seen(3))
    assert items(told.activity("cleo", KEY, events=5, bought_by=None)) == ["i3"]
    assert told.activity("nobody", KEY, events=5, bought_by=None) is None, "he may be one of them"


def test_a_newer_release_makes_room_for_those_who_were_left_to_postgres():
    told = Told(KEY, most=3)
    told.event("anna", seen(1))
    assert not told.would_hold_more(LATER), "everybody is here"
    told.event("ben", seen(2))
    assert told.would_hold_more(LATER)
    assert not told.would_hold_more(KEY), "as much counts as before"


def test_keeping_drops_what_counts_for_no_later_release():
    told = Told(KEY)
    told.event("anna", seen(1))
    told.event("ben", seen(2, minutes=2 * 24 * 60))
    assert list(told.keep(LATER)) == [], "so few are looked at in one step"
    assert told.events == 1
    assert items(told.activity("ben", LATER, events=5, bought_by=None)) == ["i2"]
    assert items(told.activity("anna", LATER, events=5, bought_by=None)) == []


def test_a_release_knows_better_what_it_could_know():
    told = Told(KEY)
    told.item("i1", OffSale(NOON - MINUTE, NOON - MINUTE))
    told.item("i2", OffSale(NOON - MINUTE, NOON))
    told.item("i3", OffSale(NOON, NOON))
    assert [told.went_off_sale(item, KEY) for item in ("i1", "i2", "i3", "i4")] == [False, True, True, False]
    told.item("i3", None)
    assert not told.went_off_sale("i3", KEY)


def test_a_forgotten_user_is_gone_and_may_begin_again():
    told = Told(KEY)
    told.event("anna", seen(1))
    told.forget("anna", NOON + MINUTE)
    assert items(told.activity("anna", KEY, events=5, bought_by=None)) == []
    assert (told.forgot("anna", KEY), told.forgot("anna", LATER), told.forgot("ben", KEY)) == (True, False, False)
    told.event("anna", seen(2, minutes=2))
    assert items(told.activity("anna", KEY, events=5, bought_by=None)) == ["i2"]


def test_what_is_packed_comes_back_and_long_ones_take_memory_in_steps():
    long = 0
    for many in range(1, MOST_EVENTS, 3):
        rows = [tuple(seen(number, minutes=number)) for number in range(many)]
        packed = pack(rows)
        assert unpack(packed) == rows
        if (taken := len(packed) + AROUND) > SHORT:
            assert taken % STEP == 0
            long += 1
    assert long > 100
