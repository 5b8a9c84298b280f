"""What follows what, on sequences short enough to count by hand."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.candidates.covisitation import Covisitation, CovisitationParams, Transitions, pair_counts
from recsys.candidates.pool import no_pairs
from recsys.candidates.sequences import Sequences
from recsys.testing import checkerboard as board


def counted(*lists: str, **params: float) -> dict[str, float]:
    sequences = Sequences.of_lists([list(items) for items in lists])
    counts = pair_counts(sequences, Transitions.model_validate(params)).tocoo()
    names = sequences.items.to_list()
    return {
        names[i] + names[j]: round(float(v), 6) for i, j, v in zip(counts.row, counts.col, counts.data, strict=True)
    }


def events(rows: list[tuple[str, str, int]], *, session: str | None = None) -> pl.DataFrame:
    made = board.events([(user, item, board.START + timedelta(minutes=minute)) for user, item, minute in rows])
    return made.with_columns(pl.lit(session, pl.String).alias(c.SESSION_ID))


def test_pairs_have_a_direction_and_fade_with_distance():
    assert counted("abc", forward=1.0, backward=0.25, distance_decay=0.5) == {
        "ab": 1.0,
        "ba": 0.25,
        "bc": 1.0,
        "cb": 0.25,
        "ac": 0.5,
        "ca": 0.125,
    }


def test_nothing_goes_over_the_window_or_into_the_next_sequence():
    assert counted("abc", "d", "ef", backward=0.0, window=1) == {"ab": 1.0, "bc": 1.0, "ef": 1.0}


def test_an_item_may_follow_itself():
    assert counted("aa", backward=0.0) == {"aa": 1.0}


def test_events_of_one_moment_have_no_direction():
    rows = events([("u", "a", 0), ("u", "b", 0), ("u", "z", 1)])
    sequences = Sequences.of(rows, within="user", half_life_days=None)
    params = Transitions(forward=1.0, backward=0.0, distance_decay=0.5)
    counts = pair_counts(sequences, params).toarray()
    assert counts.tolist() == [[0.0, 0.5, 1.0], [0.5, 0.0, 1.0], [0.0, 0.0, 0.0]]


def test_pairs_within_sessions_stay_in_them():
    both = pl.concat([events([("u", "a", 0), ("u", "b", 1)], session="1"), events([("u", "z", 2)], session="2")])
    within = Sequences.of(both, within="session", half_life_days=None)
    assert [len(part) for part in np.split(within.columns, within.starts[1:-1])] == [2, 1]
    assert len(Sequences.of(both, within="user", half_life_days=None)) == 1


def test_what_came_lately_counts_more():
    old = [(f"old-{n}", item, n) for n in range(5) for item in ("a", "b")]
    new = [(f"new-{n}", item, 60 * 24 * 100 + n) for n in range(3) for item in ("a", "z")]
    ordered = [(user, item, minute + (item != "a")) for user, item, minute in [*old, *new]]

    def first(half_life: float | None) -> str:
        params = CovisitationParams(half_life_days=half_life, popularity_power=0.0)
        generator = Covisitation(params).fit(
            events(ordered), items=board.catalogue(events(ordered)), rng=np.random.default_rng(1)
        )
        return generator.similar_to(["a"], k=1)[c.SIMILAR_ITEM_ID].item()

    assert (first(None), first(10.0)) == ("b", "z")


def test_a_user_is_asked_with_the_last_that_it_did():
    chains = [(f"{n}{kind}", f"{kind}{step}", step) for n in range(4) for kind in "xy" for step in range(3)]
    asked = [("reader", "x0", 0), ("reader", "y0", 1)]
    log = events([*chains, *asked])
    generator = Covisitation().fit(log, items=board.catalogue(log), rng=np.random.default_rng(1))
    answers = generator.generate(["reader"], k=9, exclude=no_pairs())[c.ITEM_ID].to_list()
    assert answers.index("y1") < answers.index("x1")


def test_weights_of_the_earlier_event_count():
    rows = events([("u", "a", 0), ("u", "b", 1), ("v", "c", 0), ("v", "d", 1)]).with_columns(
        pl.Series(c.WEIGHT, [3.0, 3.0, 1.0, 1.0], dtype=pl.Float32)
    )
    counts = pair_counts(Sequences.of(rows, within="user", half_life_days=None), Transitions(backward=0.0)).toarray()
    assert counts[0, 1] == pytest.approx(3 * counts[2, 3])
