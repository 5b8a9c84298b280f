"""What counts for whom, on a few rows written by hand, and beside a query over the raw tables."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.evaluation.experiments.outcomes import ANSWERS, OUTCOMES, SLATES, outcomes
from recsys.events.schema import INTERACTIONS
from recsys.local.servers.postgres import create_database
from recsys.serving.exposures import read_slates
from recsys.serving.feedback import read_events
from recsys.serving.migrate import migrate
from recsys.serving.postgres import transaction
from recsys.sites.experiment import Arm, Experiment

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
TRIAL = Experiment(
    id="fresh-ranker", site="shop", arms=(Arm(name="control", share=0.5), Arm(name="fresh", share=0.5)), window_hours=2
)
DOCS = Path(__file__).parents[4] / "docs" / "experiments.md"


def slates(*rows) -> pl.LazyFrame:
    """Request, user, arm, items, minutes after noon."""
    at = [(r, u, a, i.split(), NOON + timedelta(minutes=m)) for r, u, a, i, m in rows]
    return pl.LazyFrame(at, schema=SLATES, orient="row")


def events(*rows) -> pl.LazyFrame:
    """Event, user, item, type, minutes after noon, value, request."""
    at = [(e, u, i, t, NOON + timedelta(minutes=m), v, None, r) for e, u, i, t, m, v, r in rows]
    return pl.LazyFrame(at, schema=INTERACTIONS, orient="row")


def of(user: str, found: pl.LazyFrame) -> dict[str, float]:
    row = found.drop(c.TIMESTAMP).filter(pl.col(c.USER_ID) == user).collect().row(0, named=True)
    return {name: value for name, value in row.items() if value not in (0.0, user)}


SHOWN = slates(
    ("r1", "ann", "fresh-ranker/fresh", "a b c", 0),
    ("r2", "ann", "fresh-ranker/fresh other/x", "a b d", 30),
    ("r3", "bob", "other/x fresh-ranker/control", "a b c", 0),
    ("r4", "eve", "live", "a b c", 0),
    ("r5", None, "fresh-ranker/fresh", "a b c", 0),
)


def test_an_event_belongs_to_the_request_it_names_or_to_the_last_slate_in_the_window():
    found = outcomes(
        TRIAL,
        SHOWN,
        events(
            ("e1", "ann", "b", "view", 40, None, "r1"),
            ("e2", "ann", "b", "view", 41, None, None),
            ("e3", "ann", "d", "purchase", 50, 9.5, None),
            ("e3", "ann", "d", "purchase", 50, 9.5, None),
            ("e4", "ann", "c", "view", 121, None, None),
            ("e5", "ann", "c", "view", 5, None, "r3"),
            ("e6", "bob", "a", "rating", 1, 4.0, "r1"),
            ("e7", "bob", "z", "view", 1, None, "r3"),
            ("e8", "bob", "b", "dwell", -1, 12.0, "r3"),
            ("e9", "eve", "a", "view", 1, None, "r4"),
        ),
        examination=(1.0, 0.5),
    )
    assert of("ann", found) == {
        c.ARM: "fresh",
        c.SLATES: 2,
        c.SHOWN: 6,
        c.EXAMINED: 4,
        c.CLICKED: 3,  # b in either slate, c in the first by user, item and time; e4 came too late
        c.PURCHASES: 1,
        c.REVENUE: 9.5,
    }
    assert of("bob", found) == {
        c.ARM: "control",
        c.SLATES: 1,
        c.SHOWN: 3,
        c.EXAMINED: 2,
        c.RATINGS: 1,
        c.RATING_SUM: 4,
        c.DWELL_SECONDS: 12,
    }
    assert found.collect().schema == OUTCOMES
    assert found.collect()[c.USER_ID].to_list() == ["ann", "bob"]


def test_an_item_clicked_twice_in_a_slate_is_clicked_once_and_bought_twice():
    done = [(f"e{n}", "bob", "a", t, n, 1.0, "r3") for n, t in enumerate(("view", "click", "purchase", "purchase"))]
    found = of("bob", outcomes(TRIAL, SHOWN, events(*done)))
    assert (found[c.CLICKED], found[c.PURCHASES], found[c.REVENUE]) == (1, 2, 2)


def test_a_user_in_two_arms_counts_for_none():
    twice = slates(("r1", "ann", "fresh-ranker/fresh", "a", 0), ("r2", "ann", "fresh-ranker/control", "a", 9))
    assert outcomes(TRIAL, twice, events(("e1", "ann", "a", "view", 10, None, "r1"))).collect().is_empty()


def test_answers_count_also_for_a_user_who_never_got_one():
    answers = pl.LazyFrame(
        [("ann", "fresh-ranker/fresh", NOON, 20.0, False), ("dan", "fresh-ranker/fresh", NOON, 500.0, True)],
        schema=ANSWERS,
        orient="row",
    )
    found = outcomes(TRIAL, SHOWN, events(), answers)
    assert of("dan", found) == {c.ARM: "fresh", c.REQUESTS: 1, c.REQUESTS_FAILED: 1, c.LATENCY_MS: 500}
    assert of("ann", found)[c.LATENCY_MS] == 20


def test_hours_add_up_to_days():
    done = events(("e1", "ann", "d", "view", 70, None, None), ("e2", "bob", "a", "purchase", 61, 3.0, None))
    hours, days = (outcomes(TRIAL, SHOWN, done, every=every).collect() for every in ("1h", "1d"))
    assert hours.height == 4
    assert hours.drop(c.TIMESTAMP).group_by(c.USER_ID, c.ARM).sum().sort(c.USER_ID).equals(days.drop(c.TIMESTAMP))


@pytest.fixture(scope="module")
def raw_tables(postgres) -> str:
    """The web service's tables after a busy day in the experiment."""
    create_database(postgres, "exposures")
    dsn = postgres.model_copy(update={"recsys_postgres_database": "exposures"}).postgres_dsn()
    migrate(dsn)
    rng = np.random.default_rng(3)
    labels = ["fresh-ranker/control", "other/a fresh-ranker/fresh", "fresh-ranker/fresh", "live"]
    with transaction(dsn) as cursor:
        for number in range(400):
            user = int(rng.integers(60))
            arm = labels[user % 4] if user % 4 != 1 or rng.random() < 0.5 else labels[2]
            items = [str(item) for item in rng.permutation(30)[:6]]
            served = NOON + timedelta(minutes=int(rng.integers(600)))
            cursor.execute(
                "INSERT INTO recsys.impression"
                " (site, request_id, user_id, release_id, arm, item_ids, sources, served_at)"
                " VALUES ('shop', %s, %s, 'r', %s, %s, %s, %s)",
                (f"q{number}", None if user == 7 else f"u{user}", arm, items, ["x"] * 6, served),
            )
            for item in items[: int(rng.integers(3))]:
                for kind in ("view", "view", "purchase"):
                    cursor.execute(
                        "INSERT INTO recsys.event (site, event_id, user_id, item_id, event_type, timestamp, request_id)"
                        " VALUES ('shop', gen_random_uuid()::text, %s, %s, %s, %s, %s)",
                        (f"u{user}", item, kind, served + timedelta(minutes=1), f"q{number}"),
                    )
    return dsn


def test_a_query_over_the_raw_tables_gives_the_same_exposures(raw_tables):
    query = re.search(r"```sql\n(WITH slate.*?)```", DOCS.read_text(), re.DOTALL)[1]
    assert len(query.strip().splitlines()) <= 10
    with transaction(raw_tables) as cursor:
        cursor.execute(query)
        in_sql = cursor.fetchall()
    day = (NOON - timedelta(hours=12), NOON + timedelta(hours=12))
    found = outcomes(
        TRIAL,
        pl.LazyFrame(read_slates(raw_tables, "shop", *day), schema=SLATES, orient="row"),
        pl.LazyFrame(read_events(raw_tables, "shop", *day), schema=INTERACTIONS, orient="row"),
    )
    arms = found.group_by(c.ARM).agg(pl.len(), pl.col(c.SLATES, c.SHOWN, c.CLICKED).sum()).sort(c.ARM).collect()
    assert arms.rows() == in_sql
    assert {arm for arm, *_ in in_sql} == {"control", "fresh"}
    assert all(clicked > 0 for *_, clicked in in_sql)
