from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.serving.reading import ScoredItems, Slate
from web_service.blending import (
    Candidate,
    Signal,
    blend,
    fill,
    offline_candidates,
    online_candidates,
    popular_candidates,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HALF_LIFE = timedelta(minutes=30)

ITEMS = st.sampled_from([f"i{number}" for number in range(15)])
SCORES = st.floats(-10, 10, width=32)
LISTS = st.lists(st.tuples(ITEMS, SCORES), max_size=12, unique_by=lambda pair: pair[0])
SIGNALS = st.lists(st.builds(Signal, ITEMS, st.floats(0.1, 5), st.datetimes(timezones=st.just(UTC))), max_size=6)


def scored(pairs):
    return ScoredItems([item for item, _ in pairs], [score for _, score in pairs])


def offline(*items):
    return [Candidate(item, 1.0, "ranked:als") for item in items]


def online(*items):
    return [Candidate(item, 1.0, "similar") for item in items]


def ids(candidates):
    return [candidate.item_id for candidate in candidates]


@given(
    mode=st.sampled_from(["blended", "offline", "online"]),
    signals=SIGNALS,
    similar=st.dictionaries(ITEMS, LISTS.map(scored)),
    ranked=LISTS,
    popular=LISTS,
    hidden=st.frozensets(ITEMS),
    catalogue=st.permutations([f"i{number}" for number in range(15)]),
    k=st.integers(1, 20),
)
def test_whatever_is_blended(mode, signals, similar, ranked, popular, hidden, catalogue, k):
    """No duplicates, nothing hidden, as many as asked or as there are, reasons from the history, repeatable."""
    slate = Slate([(item, score, "ranked", ()) for item, score in ranked])

    def answer():
        chosen = blend(
            mode,
            online=online_candidates(signals, similar, half_life=HALF_LIFE),
            offline=offline_candidates(slate),
            popular=popular_candidates(scored(popular)),
            may_be_shown=lambda item: item not in hidden,
            k=k,
        )
        return fill(chosen, [item for item in catalogue if item not in hidden], k=k)

    found = answer()
    assert len(set(ids(found))) == len(found) == min(k, 15 - len(hidden))
    assert hidden.isdisjoint(ids(found))
    history = {signal.item_id for signal in signals}
    for candidate in found:
        assert set(candidate.because) <= history
        assert (candidate.source == "similar") == bool(candidate.because)
    assert found == answer()


def test_online_and_offline_take_turns_and_the_longer_list_goes_on():
    chosen = blend("blended", online=online("a", "b"), offline=offline("x", "a", "y", "z"), popular=[],
                   may_be_shown=lambda item: True, k=10)  # fmt: skip
    assert ids(chosen) == ["a", "x", "b", "y", "z"]
    assert [candidate.source for candidate in chosen] == [
        "similar",
        "ranked:als",
        "similar",
        "ranked:als",
        "ranked:als",
    ]


def test_what_may_not_be_shown_uses_no_place():
    chosen = blend("blended", online=online("a", "b"), offline=offline("x", "y"), popular=online("p"),
                   may_be_shown=lambda item: item not in "ax", k=3)  # fmt: skip
    assert ids(chosen) == ["b", "y", "p"]


@pytest.mark.parametrize(("mode", "expected"), [("offline", ["x", "p"]), ("online", ["a", "p"])])
def test_one_part_alone_is_followed_by_what_is_popular(mode, expected):
    chosen = blend(mode, online=online("a"), offline=offline("x"), popular=online("p"), may_be_shown=bool, k=5)
    assert ids(chosen) == expected


def test_an_event_counts_half_after_a_half_life():
    similar = {"old": ScoredItems(["a"], [1.0]), "new": ScoredItems(["b"], [0.6])}
    signals = [Signal("new", 1.0, NOW), Signal("old", 1.0, NOW - HALF_LIFE)]
    found = online_candidates(signals, similar, half_life=HALF_LIFE)
    assert [(candidate.item_id, candidate.score) for candidate in found] == [("b", 0.6), ("a", 0.5)]


def test_reasons_are_the_strongest_first_and_few():
    similar = {f"h{n}": ScoredItems(["a"], [n / 10]) for n in range(1, 6)}
    (found,) = online_candidates([Signal(f"h{n}", 1.0, NOW) for n in range(1, 6)], similar, half_life=HALF_LIFE)
    assert found.because == ("h5", "h4", "h3")


def test_one_event_without_neighbours_is_no_error():
    assert list(online_candidates([Signal("a", 1.0, NOW)], {}, half_life=HALF_LIFE)) == []
    itself = {"a": ScoredItems(["a"], [1.0])}
    assert list(online_candidates([Signal("a", 1.0, NOW)], itself, half_life=HALF_LIFE)) == []
