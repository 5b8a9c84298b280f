"""Files to files: who is answered, with what, and what is refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from recsys import columns as c
from recsys.errors import SchemaError, SourceError
from recsys.stages import offline

CYCLE = 12
"""Items 0 … 11 follow each other in a circle: what comes next is known."""


THIN = [
    pytest.param(([("u0", "i0", 0)], {"stranger": 1}), id="one event"),
    pytest.param(([("u0", "i0", 0)] * 50, {"stranger": 1}), id="one event fifty times"),
    pytest.param(([("u0", f"i{n % 40}", 5 * n) for n in range(300)], {"stranger": 40}), id="one user"),
    pytest.param(([(f"u{n % 40}", "i0", 5 * n) for n in range(300)], {"stranger": 1}), id="one item"),
    pytest.param(
        ([(f"u{n % 30}", f"i{n % 7}", 0) for n in range(210)], {"stranger": 7}), id="everybody, everything, at once"
    ),
    pytest.param(
        ([(f"u{n % 30}", f"i{n // 30}", 5 * n) for n in range(300)], {"stranger": 10}),
        id="features that do not differ",
    ),
]
"""Users, items and hours; how many items ``u0`` and a stranger are then recommended."""


def circle(start: int, length: int) -> list[str]:
    return [f"i{(start + n) % CYCLE}" for n in range(length)]


def write_events(path: Path, *, users: int = 60, **columns: pl.Series) -> Path:
    rows = [(f"u{user}", item, "view", None, None) for user in range(users) for item in circle(user, 5)]
    schema = {
        c.USER_ID: pl.String,
        c.ITEM_ID: pl.String,
        c.EVENT_TYPE: pl.String,
        c.VALUE: pl.Float64,
        c.TIMESTAMP: pl.Datetime("us", "UTC"),
    }
    pl.DataFrame(rows, schema=schema, orient="row").with_columns(**columns).write_parquet(path)
    return path


def lines(path: Path, *text: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in text), encoding="utf-8")
    return path


def slates(path: Path, key: str) -> dict:
    found = pl.read_parquet(path)
    assert found.columns == [key, c.ITEM_ID, c.RANK]
    assert found.select(pl.struct(key, c.RANK).is_unique().all()).item()
    return {name: rows.sort(c.RANK)[c.ITEM_ID].to_list() for (name,), rows in found.group_by(key)}


def test_the_next_of_an_order_comes_first_and_nothing_of_the_history(tmp_path: Path):
    users = lines(tmp_path / "users.txt", "u0", "u7", "stranger")
    out = tmp_path / "out" / "recs.parquet"
    report = offline.recommend(events=write_events(tmp_path / "e.parquet"), items=None, users=users, k=6, out=out)
    found = slates(out, c.USER_ID)
    assert (found["u0"][0], found["u7"][0]) == ("i5", "i0")
    assert not set(found["u0"]) & set(circle(0, 5))
    assert {user: len(items) for user, items in found.items()} == {"u0": 6, "u7": 6, "stranger": 6}
    assert report.answered == 3
    assert report.rows == 18
    assert [step.step for step in report.steps] == ["read", "train", "answer", "write"]


def test_more_items_than_there_are_gives_all_that_are_left(tmp_path: Path):
    users = lines(tmp_path / "users.txt", "u0", "stranger")
    out = tmp_path / "recs.parquet"
    offline.recommend(events=write_events(tmp_path / "e.parquet"), items=None, users=users, k=100, out=out)
    found = slates(out, c.USER_ID)
    assert sorted(found["u0"]) == sorted(set(circle(0, CYCLE)) - set(circle(0, 5)))
    assert sorted(found["stranger"]) == sorted(circle(0, CYCLE))


def test_what_is_told_of_items_may_be_anything(tmp_path: Path):
    items = tmp_path / "items.parquet"
    told = {
        c.ITEM_ID: circle(0, CYCLE),
        "brand": ["a", None] * 6,
        c.PRICE: [1.5, float("nan")] * 6,
        "tags": [[1, 2]] * 12,
    }
    pl.DataFrame(told).write_parquet(items)
    out = tmp_path / "recs.parquet"
    users = lines(tmp_path / "users.txt", "u0")
    offline.recommend(events=write_events(tmp_path / "e.parquet"), items=items, users=users, k=3, out=out)
    assert slates(out, c.USER_ID)["u0"][0] == "i5"


def test_a_log_with_times_is_learned_from_in_two_stages(tmp_path: Path):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    when = pl.Series(c.TIMESTAMP, [start + timedelta(hours=8 * n) for n in range(300)], dtype=pl.Datetime("us", "UTC"))
    events = write_events(tmp_path / "e.parquet", timestamp=when)
    out = tmp_path / "recs.parquet"
    users = lines(tmp_path / "users.txt", "u0", "stranger")
    report = offline.recommend(events=events, items=None, users=users, k=5, out=out, trial=True)
    found = slates(out, c.USER_ID)
    assert not set(found["u0"]) & set(circle(0, 5))
    assert len(found["stranger"]) == 5
    done = {step.step.partition(": ")[2] or step.step for step in report.steps}
    assert report.trial is not None
    assert report.trial.kinds == ("covisitation", "session_knn")
    assert report.trial.users > 0
    kinds = ("popularity", "als", "ease", "item_item", *report.trial.kinds)
    asked = {f"{verb} {kind}" for verb in ("fit", "ask") for kind in kinds}
    assert done == {"read", "judge generators on trial", "train the ranker", "describe", "rank", "write"} | asked


def test_one_event_is_enough(tmp_path: Path):
    events = write_events(tmp_path / "e.parquet", users=1)
    pl.read_parquet(events).head(1).write_parquet(events)
    out = tmp_path / "recs.parquet"
    offline.recommend(events=events, items=None, users=lines(tmp_path / "u", "u0", "x"), k=5, out=out)
    assert slates(out, c.USER_ID) == {"x": ["i0"]}


@pytest.mark.parametrize("thin", THIN)
def test_a_log_with_times_that_teaches_no_order_is_answered_by_what_generators_agree_on(
    tmp_path: Path, thin: tuple[list[tuple[str, str, int]], dict[str, int]], caplog: pytest.LogCaptureFixture
):
    rows, answered = thin
    start = datetime(2026, 1, 1, tzinfo=UTC)
    log = [(user, item, start + timedelta(hours=hours), float("nan")) for user, item, hours in rows]
    schema = {c.USER_ID: pl.String, c.ITEM_ID: pl.String, c.TIMESTAMP: pl.Datetime("us", "UTC"), c.VALUE: pl.Float64}
    pl.DataFrame(log, schema=schema, orient="row").write_parquet(tmp_path / "e.parquet")
    users, out = lines(tmp_path / "u", "u0", "stranger"), tmp_path / "recs.parquet"
    offline.recommend(events=tmp_path / "e.parquet", items=None, users=users, k=500, out=out)
    assert {user: len(items) for user, items in slates(out, c.USER_ID).items()} == answered
    assert "no order could be learned" in caplog.text


def test_the_next_of_a_session_comes_first(tmp_path: Path):
    sessions = lines(tmp_path / "s.txt", *(" ".join(circle(n, 4)) for n in range(120)))
    cases = lines(tmp_path / "c.tsv", "i3 i4\tnot-read", "never-seen i7\ti8", "never-seen\ti1")
    out = tmp_path / "p.parquet"
    report = offline.next_item(sessions=sessions, cases=cases, k=4, out=out)
    found = slates(out, c.CASE)
    assert (found[0][0], found[1][0]) == ("i5", "i8")
    assert {case: len(items) for case, items in found.items()} == {0: 4, 1: 4, 2: 4}
    assert report.answered == 3


def test_items_come_again_where_they_do_in_the_past(tmp_path: Path):
    sessions = lines(tmp_path / "s.txt", *(f"i{n % 20} i{n % 20} i{n % 20} i{n % 20}" for n in range(400)))
    out = tmp_path / "p.parquet"
    offline.next_item(sessions=sessions, cases=lines(tmp_path / "c.tsv", "i3"), k=3, out=out)
    assert slates(out, c.CASE)[0][0] == "i3"


def test_two_runs_write_the_same(tmp_path: Path):
    sessions = lines(tmp_path / "s.txt", *(" ".join(circle(n * n, 4)) for n in range(300)))
    cases = lines(tmp_path / "c.tsv", *(f"i{n}\t" for n in range(CYCLE)))
    first, second = tmp_path / "1.parquet", tmp_path / "2.parquet"
    for out in (first, second):
        offline.next_item(sessions=sessions, cases=cases, k=5, out=out)
    assert pl.read_parquet(first).equals(pl.read_parquet(second))


@pytest.mark.parametrize(
    ("text", "said"),
    [((), "no case"), (("i1\ti2", "\ti3"), "1 cases without items, the first in line 2")],
    ids=["empty", "a case without items"],
)
def test_cases_that_cannot_be_answered_are_named(tmp_path: Path, text: tuple[str, ...], said: str):
    sessions = lines(tmp_path / "s.txt", "i1 i2")
    with pytest.raises(SourceError, match=said):
        offline.next_item(sessions=sessions, cases=lines(tmp_path / "c.tsv", *text), k=5, out=tmp_path / "p.parquet")


def test_sessions_without_items_are_refused(tmp_path: Path):
    with pytest.raises(SourceError, match="no session"):
        offline.next_item(
            sessions=lines(tmp_path / "s.txt", "", " "), cases=lines(tmp_path / "c", "i1"), k=5, out=tmp_path / "p"
        )


@pytest.mark.parametrize(
    ("frame", "error", "said"),
    [
        (pl.DataFrame({c.USER_ID: ["u"], "sku": ["i"]}), SchemaError, "add .'item_id'."),
        (pl.DataFrame({c.USER_ID: [], c.ITEM_ID: []}), SourceError, "no rows"),
        (pl.DataFrame({c.USER_ID: ["u", None], c.ITEM_ID: ["i", "j"]}), SchemaError, "1 rows without user_id"),
        (
            pl.DataFrame(
                {c.USER_ID: ["u"] * 2, c.ITEM_ID: ["i"] * 2, c.TIMESTAMP: [datetime(2026, 1, 1, tzinfo=UTC), None]}
            ),
            SchemaError,
            "1 of 2 rows without timestamp",
        ),
        (pl.DataFrame({c.USER_ID: ["u"], c.ITEM_ID: ["i"], c.TIMESTAMP: ["today"]}), SchemaError, "of type String"),
    ],
)
def test_a_log_that_cannot_be_read_is_refused_with_the_reason(
    tmp_path: Path, frame: pl.DataFrame, error: type[Exception], said: str
):
    events = tmp_path / "e.parquet"
    frame.write_parquet(events)
    with pytest.raises(error, match=said):
        offline.recommend(events=events, items=None, users=lines(tmp_path / "u", "u"), k=5, out=tmp_path / "r")


def test_files_that_are_not_there_or_no_parquet_are_named(tmp_path: Path):
    users = lines(tmp_path / "u", "u1")
    with pytest.raises(SourceError, match="found no file"):
        offline.recommend(events=tmp_path / "none", items=None, users=users, k=5, out=tmp_path / "r")
    with pytest.raises(SourceError, match="no Parquet"):
        offline.recommend(events=users, items=None, users=users, k=5, out=tmp_path / "r")
    events = write_events(tmp_path / "e.parquet")
    with pytest.raises(SourceError, match="no user id"):
        offline.recommend(events=events, items=None, users=lines(tmp_path / "u", ""), k=5, out=tmp_path / "r")
