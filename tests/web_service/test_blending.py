from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.serving.reading import ScoredItems
from web_service.blending import Signal, blend, fill, online_candidates, popular_candidates

NOW = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
HALF_LIFE = 1800.0

ITEMS = st.sampled_from([f"i{number}" for number in range(15)])
SCORES = st.floats(-10, 10, width=32)
LISTS = st.lists(st.tuples(ITEMS, SCORES), max_size=12, unique_by=lambda pair: pair[0])
SIGNALS = st.lists(st.builds(Signal, ITEMS, st.floats(0.1, 5), st.floats(0, NOW)), max_size=6)


def scored(pairs):
    return ScoredItems([item for item, _ in pairs], [score for _, score in pairs])


def offline(*items):
    return [(item, 1.0, "ranked:als", ()) for item in items]


def online(*items):
    return [(item, 1.0, "similar", ()) for item in items]


def ids(candidates):
    return [item_id for item_id, *_ in candidates]


def anything(item):
    return True


@given(
    weights=st.lists(st.sampled_from([0.0, 0.3, 1.0, 2.0, 7.0]), min_size=3, max_size=3),
    signals=SIGNALS,
    similar=st.dictionaries(ITEMS, LISTS.map(scored)),
    ranked=LISTS,
    popular=LISTS,
    hidden=st.frozensets(ITEMS),
    catalogue=st.permutations([f"i{number}" for number in range(15)]),
    k=st.integers(1, 20),
)
def test_whatever_is_blended(weights, signals, similar, ranked, popular, hidden, catalogue, k):
    """No duplicates, nothing hidden, as many as asked or as there are, reasons from the history, repeatable."""

    def answer(k):
        lists = (
            online_candidates(signals, similar, half_life=HALF_LIFE),
            [(item, score, "ranked", ()) for item, score in ranked],
            popular_candidates(scored(popular)),
        )
        parts = list(zip(weights, lists, strict=True))
        chosen = blend(parts, may_be_shown=lambda item: item not in hidden, k=k)
        return fill(chosen, [item for item in catalogue if item not in hidden], k=k)

    found = answer(k)
    assert len(set(ids(found))) == len(found) == min(k, 15 - len(hidden))
    assert hidden.isdisjoint(ids(found))
    history = {signal.item_id for signal in signals}
    for _, _, source, because in found:
        assert set(because) <= history
        assert (source == "similar") == bool(because)
    assert found == answer(k) == answer(20)[:k]


def test_equal_online_scores_stand_in_the_order_of_their_ids():
    similar = {"i1": scored([("i7", 0.9), ("i5", 0.5), ("i3", 0.5)]), "i2": scored([("i4", 0.5), ("i6", 0.2)])}
    signals = [Signal("i1", 1.0, NOW), Signal("i2", 1.0, NOW)]
    assert ids(online_candidates(signals, similar, half_life=HALF_LIFE)) == ["i7", "i3", "i4", "i5", "i6"]


def test_equal_weights_take_turns_and_the_longer_list_goes_on():
    parts = [(1.0, online("a", "b")), (1.0, offline("x", "a", "y", "z"))]
    chosen = blend(parts, may_be_shown=anything, k=10)
    assert ids(chosen) == ["a", "x", "b", "y", "z"]
    assert [source for _, _, source, _ in chosen] == ["similar", "ranked:als", "similar", "ranked:als", "ranked:als"]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [((2, 1, 0), "axbcyd"), ((1, 2, 0), "xayzbc"), ((3, 1, 1), "abxpcd"), ((0, 1, 0), "xyzabc"), ((0, 0, 1), "pqrabc")],
)
def test_parts_stand_in_the_proportion_of_their_weights(weights, expected):
    lists = (online(*"abcdef"), offline(*"xyz"), online(*"pqr"))
    chosen = blend(list(zip(weights, lists, strict=True)), may_be_shown=anything, k=6)
    assert "".join(ids(chosen)) == expected


def test_what_may_not_be_shown_uses_no_place():
    parts = [(1.0, online("a", "b")), (1.0, offline("x", "y")), (0.0, online("p"))]
    assert ids(blend(parts, may_be_shown=lambda item: item not in "ax", k=3)) == ["b", "y", "p"]


def test_an_event_counts_half_after_a_half_life():
    similar = {"old": ScoredItems(["a"], [1.0]), "new": ScoredItems(["b"], [0.6])}
    signals = [Signal("new", 1.0, NOW), Signal("old", 1.0, NOW - HALF_LIFE)]
    found = online_candidates(signals, similar, half_life=HALF_LIFE)
    assert [(item_id, score) for item_id, score, *_ in found] == [("b", 0.6), ("a", 0.5)]


def test_reasons_are_the_strongest_first_and_few():
    similar = {f"h{n}": ScoredItems(["a"], [n / 10]) for n in range(1, 6)}
    (found,) = online_candidates([Signal(f"h{n}", 1.0, NOW) for n in range(1, 6)], similar, half_life=HALF_LIFE)
    assert found[3] == ("h5", "h4", "h3")


def test_one_event_without_neighbours_is_no_error():
    assert list(online_candidates([Signal("a", 1.0, NOW)], {}, half_life=HALF_LIFE)) == []
    itself = {"a": ScoredItems(["a"], [1.0])}
    assert list(online_candidates([Signal("a", 1.0, NOW)], itself, half_life=HALF_LIFE)) == []
