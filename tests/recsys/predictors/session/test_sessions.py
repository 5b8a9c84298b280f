"""From the event log to sessions of items, and to what a model is asked."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from recsys import columns as c
from recsys.events.schema import INTERACTIONS, filled
from recsys.predictors.intent import hold_back
from recsys.predictors.session import cases_of, read_item_sessions

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=1)


def log(*rows: tuple[str, str, float, str | None]) -> pl.DataFrame:
    """user, item, minutes after noon, session."""
    return filled(
        pl.DataFrame(
            [
                (f"e{n:03d}", user, "view", item, NOON + timedelta(minutes=minute), session)
                for n, (user, item, minute, session) in enumerate(rows)
            ],
            schema={
                c.EVENT_ID: pl.String,
                c.USER_ID: pl.String,
                c.EVENT_TYPE: pl.String,
                c.ITEM_ID: pl.String,
                c.TIMESTAMP: pl.Datetime("us", "UTC"),
                c.SESSION_ID: pl.String,
            },
            orient="row",
        ),
        INTERACTIONS,
    )


def read(*rows: tuple[str, str, float, str | None], **wish: datetime) -> list[str]:
    sessions = read_item_sessions(log(*rows), pause_minutes=30, **{"until": LATER, **wish})
    return ["".join(session.items) for session in sessions]


def test_a_session_ends_with_its_id_its_user_or_a_long_pause():
    assert read(
        ("u", "a", 0, None),
        ("u", "b", 30, None),
        ("v", "c", 1, None),
        ("u", "d", 61, None),
        ("w", "e", 70, "s1"),
        ("w", "f", 71, "s2"),
        ("w", "g", 72, "s2"),
    ) == ["ab", "c", "d", "e", "fg"]


def test_what_comes_later_or_began_earlier_is_left_out():
    rows = (("u", "a", 0, None), ("u", "b", 10, None), ("v", "c", 20, None), ("u", "d", 21, None))
    assert read(*rows, until=NOON + timedelta(minutes=21)) == ["ab", "c"]
    assert read(*rows, since=NOON + timedelta(minutes=1)) == ["c"]


def test_sessions_can_be_held_back_by_their_times():
    sessions = read_item_sessions(
        log(("u", "a", 0, None), ("u", "b", 20, None), ("v", "c", 10, None), ("w", "d", 40, None)),
        until=LATER,
        pause_minutes=30,
    )
    earlier, later = hold_back(sessions, 0.67)
    assert [each.items for each in later] == [("c",), ("d",)]
    assert earlier == []
    assert sessions[0].ended - sessions[0].started == 20 * 60


def test_every_beginning_is_asked_about():
    assert [("".join(case.session), case.truth, case.group) for case in cases_of(["aba", "c", "de"], repeats=True)] == [
        ("a", "b", 0),
        ("ab", "a", 0),
        ("d", "e", 2),
    ]
    assert [case.truth for case in cases_of(["aba", "c", "de"], repeats=False)] == ["b", "e"]


@given(st.lists(st.text("abc", min_size=1, max_size=6), max_size=8), st.integers(0, 10))
def test_drawn_cases_are_some_of_all_in_their_order(sessions: list[str], at_most: int):
    whole = cases_of(sessions, repeats=True)
    drawn = cases_of(sessions, repeats=True, at_most=at_most, rng=np.random.default_rng(1))
    assert len(drawn) == min(at_most, len(whole))
    rest = iter(whole)
    assert all(case in rest for case in drawn)
