from datetime import timedelta

import polars as pl
import pytest

from recsys import columns as c
from recsys.features.visit import last_visit
from recsys.testing.checkerboard import START, events

MINUTE = 1 / 1440


def told(rows: list[tuple[str, str, float, str | None]]) -> tuple[dict, dict]:
    """(user, item, days ago, session) → (user, item) and (user, category) → (events ago, share of the last visit).

    An item's category is its first letter; items that start with z have none.
    """
    log = events([(user, item, START - timedelta(days=age)) for user, item, age, _ in rows]).with_columns(
        pl.Series(c.SESSION_ID, [session for *_, session in rows], dtype=pl.String),
        pl.Series(c.AGE_DAYS, [float(age) for _, _, age, _ in rows]),
        pl.col(c.ITEM_ID).str.head(1).replace("z", None).alias(c.CATEGORY),
    )
    pairs, categories = last_visit(log)
    return tuple(
        {(user, what): (ago, share) for user, what, ago, share in frame.iter_rows()} for frame in (pairs, categories)
    )


def test_how_many_events_are_later_and_what_the_last_visit_was_about():
    pairs, categories = told(
        [
            ("u", "a1", 3, None),
            ("u", "a1", 20 * MINUTE, None),
            ("u", "a2", 10 * MINUTE, None),
            ("u", "b1", 5 * MINUTE, None),
            ("u", "z1", 2, None),
            ("v", "b1", 9, None),
        ]
    )
    assert pairs["u", "b1"] == (0, pytest.approx(1 / 3))
    assert pairs["u", "a1"] == (2, pytest.approx(1 / 3))
    assert pairs["u", "z1"] == (3, 0)
    assert pairs["v", "b1"] == (0, 1)
    assert categories["u", "a"] == (1, pytest.approx(2 / 3))
    assert ("u", None) not in categories


def test_a_pause_of_half_an_hour_ends_a_visit():
    pairs, _ = told([("u", "a1", 61 * MINUTE, None), ("u", "a2", 30 * MINUTE, None), ("u", "a3", MINUTE, None)])
    assert (pairs["u", "a3"][1], pairs["u", "a2"][1], pairs["u", "a1"][1]) == (0.5, 0.5, 0)


def test_a_session_that_is_named_is_the_visit():
    pairs, _ = told([("u", "a1", 1, "s2"), ("u", "a2", 0.9, "s1"), ("u", "a3", 0.1, "s2")])
    assert (pairs["u", "a1"][1], pairs["u", "a2"][1], pairs["u", "a3"][1]) == (0.5, 0, 0.5)


def test_events_of_one_moment_are_equally_far():
    pairs, _ = told([("u", "a1", 1, None), ("u", "a2", 1, None), ("u", "a3", 2, None)])
    assert [pairs["u", item][0] for item in ("a1", "a2", "a3")] == [0, 0, 2]
