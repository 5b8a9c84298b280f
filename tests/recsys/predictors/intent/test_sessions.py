"""From the log to sessions that are over, each cut before its purchase."""

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsys import columns as c
from recsys.events.schema import INTERACTIONS, ITEM_UPDATES, filled
from recsys.predictors.intent import hold_back, prefixes_of, read_sessions

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=1)


def log(*rows: tuple[str, str, str, float]) -> pl.DataFrame:
    """user, event type, item, minutes after noon."""
    return filled(
        pl.DataFrame(
            [
                (f"e{n:03d}", user, kind, item, NOON + timedelta(minutes=minute))
                for n, (user, kind, item, minute) in enumerate(rows)
            ],
            schema=[c.EVENT_ID, c.USER_ID, c.EVENT_TYPE, c.ITEM_ID, c.TIMESTAMP],
            orient="row",
        ),
        INTERACTIONS,
    )


def told(*rows: tuple[str, float, str | None, float | None]) -> pl.DataFrame:
    """item, minutes after noon, category, price."""
    return filled(
        pl.DataFrame(
            [(item, NOON + timedelta(minutes=minute), category, price) for item, minute, category, price in rows],
            schema={
                c.ITEM_ID: pl.String,
                c.TIMESTAMP: pl.Datetime("us", "UTC"),
                c.CATEGORY: pl.String,
                c.PRICE: pl.Float64,
            },
            orient="row",
        ),
        ITEM_UPDATES,
    )


def test_sessions_are_cut_before_the_purchase(rules):
    events = log(("u", "view", "a", 0), ("u", "cart", "a", 1), ("u", "purchase", "a", 2), ("u", "view", "b", 3))
    first, second = read_sessions(events, None, rules, until=LATER)
    assert [event.event_type for event in first.events] == ["view", "cart"]
    assert (first.bought, second.bought) == (True, False)
    assert first.ended == (NOON + timedelta(minutes=2)).timestamp()


def test_a_session_that_may_go_on_is_left_out(rules):
    events = log(("u", "view", "a", 0), ("v", "view", "a", 0), ("v", "purchase", "a", 5), ("w", "purchase", "a", 0))
    over = read_sessions(events, None, rules, until=NOON + timedelta(minutes=20))
    assert [session.user_id for session in over] == ["v"]
    assert len(read_sessions(events, None, rules, until=LATER)) == 2


def test_what_comes_from_until_on_is_not_read(rules):
    events = log(("u", "view", "a", 0), ("u", "purchase", "a", 10))
    until = NOON + timedelta(minutes=10)
    assert read_sessions(events, None, rules, until=until) == []


def test_sessions_that_began_too_early_are_left_out(rules):
    events = log(("u", "view", "a", 0), ("u", "view", "a", 10), ("v", "view", "a", 10))
    found = read_sessions(events, None, rules, until=LATER, since=NOON + timedelta(minutes=5))
    assert [session.user_id for session in found] == ["v"]


def test_an_event_knows_what_was_told_of_its_item_before_it(rules):
    updates = told(("a", -1, "x", 5.0), ("a", 5, None, 9.0), ("b", 100, "y", 1.0))
    events = log(("u", "view", "a", 0), ("u", "view", "a", 10), ("u", "view", "b", 11))
    (session,) = read_sessions(events, updates, rules, until=LATER)
    assert [(event.category, event.price) for event in session.events] == [("x", 5.0), ("x", 9.0), (None, None)]


def test_events_of_another_type_are_left_out(rules):
    (session,) = read_sessions(log(("u", "view", "a", 0), ("u", "search", "a", 1)), None, rules, until=LATER)
    assert len(session.events) == 1


def test_what_is_learned_from_was_over_before_the_held_back_began(rules):
    events = log(("u", "view", "a", 0), ("v", "view", "a", 1), ("u", "view", "a", 25), ("w", "view", "a", 20))
    learned, held = hold_back(read_sessions(events, None, rules, until=LATER), 0.34)
    assert [session.user_id for session in held] == ["w"]
    assert [session.user_id for session in learned] == ["v"]


rows = st.tuples(
    st.sampled_from("uv"),
    st.sampled_from(["view", "cart", "remove", "purchase"]),
    st.sampled_from("ab"),
    st.integers(0, 90),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(rows, min_size=1, max_size=25, unique_by=lambda row: row[3]), st.integers(1, 90))
def test_a_log_that_goes_on_changes_no_beginning_that_was_there(rules, events, cut):
    """Neither later events nor what is told of items later."""
    whole = log(*sorted(events, key=lambda row: row[3]))
    updates = told(("a", -1, "x", 5.0), ("b", 20, "y", 2.0), ("a", cut, "z", 9.0), ("a", 85, "x", 1.0))
    moment = pl.col(c.TIMESTAMP) < NOON + timedelta(minutes=cut)

    def beginnings(frame: pl.DataFrame, known: pl.DataFrame) -> dict[tuple[str, float, int], bytes]:
        sessions = read_sessions(frame, known, rules, until=LATER)
        found = prefixes_of(sessions, rules)
        places = zip(found.session, found.events, found.examples.table, strict=True)
        return {(sessions[n].user_id, sessions[n].started, length): row.tobytes() for n, length, row in places}

    before, after = beginnings(whole.filter(moment), updates.filter(moment)), beginnings(whole, updates)
    assert before.items() <= after.items()
