from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.evaluation.gate import behavior, data, slates, training
from recsys.sites.gate_policy import Case

AS_OF = datetime(2026, 3, 29, tzinfo=UTC)


def log(per_day: dict[int, int], hour: int = 12) -> pl.DataFrame:
    """So many events of as many users and items on the day that ended so many days before AS_OF."""
    rows = [
        (f"u{n}", f"i{n}", AS_OF - timedelta(days=passed + 1) + timedelta(hours=hour))
        for passed, events in per_day.items()
        for n in range(events)
    ]
    return pl.DataFrame(rows, schema=[c.USER_ID, c.ITEM_ID, c.TIMESTAMP], orient="row")


STEADY = dict.fromkeys(range(28), 30)


def test_a_steady_log_is_as_usual():
    found = data.measure(log(STEADY), as_of=AS_OF, days=7, refused=())
    assert found.newest_age_hours == 12
    assert [(each.found, each.usual) for each in found.days] == [(30, 30)] * 7 * 3
    assert found.days[0].day == date(2026, 3, 22)
    assert found.days[-1].day == date(2026, 3, 28)


def test_a_day_without_events_is_found_and_a_weekday_that_never_has_any_is_not():
    closed = {day: 0 if day % 7 == 3 else events for day, events in STEADY.items()}
    found = data.measure(log(closed | {1: 0}), as_of=AS_OF, days=7, refused=())
    assert {each.day.day: each.found for each in found.days if each.what == "events"} == {
        28: 30, 27: 0, 26: 30, 24: 30, 23: 30, 22: 30,
    }  # fmt: skip


def test_the_day_that_is_not_over_is_compared_up_to_the_same_time():
    early, late = log(dict.fromkeys(range(28), 25), hour=2), log(dict.fromkeys(range(1, 28), 75), hour=18)
    found = data.measure(pl.concat([early, late]), as_of=AS_OF, days=2, refused=())
    assert [(each.found, each.usual) for each in found.days if each.what == "events"] == [(100, 100), (25, 25)]


def test_a_young_or_empty_log_has_nothing_that_is_usual():
    assert data.measure(log({0: 30, 1: 30}), as_of=AS_OF, days=7, refused=()).days == ()
    nothing = data.measure(log({}).cast({c.TIMESTAMP: pl.Datetime("us", "UTC")}), as_of=AS_OF, days=7, refused=("x",))
    assert (nothing.newest_age_hours, nothing.days, nothing.refused) == (None, (), ("x",))


def candidates(labels: list[int], **features: list[float | None]) -> pl.DataFrame:
    """Two users with the same candidates, and one without any success, who is left out."""
    each = pl.DataFrame({c.LABEL: labels, **features}).with_columns(pl.lit(AS_OF).alias(c.AS_OF))
    users = [each.with_columns(pl.lit(user).alias(c.USER_ID)) for user in ("a", "b")]
    return pl.concat(
        [*users, each.with_columns(pl.lit("none").alias(c.USER_ID), pl.lit(0, dtype=pl.Int64).alias(c.LABEL))]
    )


def test_areas_under_the_curve_by_hand():
    rows = candidates([1, 0, 0, 0], best=[4, 3, 2, 1], same=[1, 1, 1, 1], worst=[None, 3, 2, 1], second=[3, 4, 2, 1])
    found = training.measure(
        rows,
        rows,
        features=["best", "same", "worst", "second"],
        shares=["best"],
        knows_later=(),
        rng=np.random.default_rng(1),
    )
    areas = {name: each.training.mean for name, each in found.features.items()}
    assert areas == pytest.approx({"best": 1.0, "same": 0.5, "worst": 0.0, "second": 2 / 3})
    assert found.generators.training.mean == pytest.approx(1.0)
    assert found.features["best"].training == found.features["best"].evaluation


def test_nobody_with_a_success_gives_no_number():
    rows = candidates([0, 0], x=[1, 2])
    found = training.measure(rows, rows, features=["x"], shares=[], knows_later=(), rng=np.random.default_rng(1))
    assert np.isnan(found.features["x"].training.mean)


ITEMS = [f"i{n:02d}" for n in range(12)]
CATALOGUE = pl.DataFrame(
    {c.ITEM_ID: ITEMS, c.AVAILABLE: [True] * 11 + [False], c.CATEGORY: ["hats", "shoes", "bags"] * 4}
)


def served(**shown: list[str]) -> pl.DataFrame:
    schema = {c.USER_ID: pl.String, c.ITEM_IDS: pl.List(pl.String)}
    return pl.DataFrame({c.USER_ID: list(shown), c.ITEM_IDS: list(shown.values())}, schema=schema)


def test_slates_are_counted_by_user_and_position():
    shown = served(a=ITEMS[:10], b=[ITEMS[0], *ITEMS[2:11]], c=["gone", ITEMS[11]], d=[])
    found = slates.measure(shown, users=["a", "b", "c", "d", "e"], items=CATALOGUE)
    assert (found.users, found.short, found.missing_users) == (5, 3, ("d", "e"))
    assert found.unavailable_share == pytest.approx(2 / 22)
    assert found.unavailable_items == ("gone", "i11")
    assert (found.first_item, found.first_item_share) == ("i00", 0.5)
    assert (found.most_shown, found.most_shown_share) == ("i00", 0.5)


def test_a_small_catalogue_is_not_held_against_the_slates():
    few = CATALOGUE.head(3)
    assert slates.measure(served(a=ITEMS[:3]), users=["a"], items=few).short == 0
    assert slates.measure(served(a=ITEMS[:2]), users=["a"], items=few).short == 1


def test_no_slates_are_found_out():
    found = slates.measure(served(), users=["a"], items=CATALOGUE)
    assert (found.short, found.first_item, found.most_shown, found.variety) == (1, None, None, 0.0)


def test_drift_is_what_does_not_stay():
    mine, theirs = served(a=ITEMS[:10], b=ITEMS[:10], c=ITEMS[:1]), served(a=ITEMS[:10], b=ITEMS[5:], d=ITEMS[:1])
    found = slates.compare(mine, theirs, release_id="r", not_compared=None)
    assert found.drift == pytest.approx(0.25)
    assert found.users == 3
    assert slates.compare(served(x=[]), theirs, release_id="r", not_compared="new").drift is None


def test_variety_is_the_number_of_items_that_are_shown_alike():
    assert slates.variety(slates.shown(served(a=ITEMS[:4], b=ITEMS[4:8]))) == pytest.approx(8)
    assert slates.variety(slates.shown(served(a=["x"], b=["x"]))) == pytest.approx(1)


def similar(**near: list[str]) -> pl.DataFrame:
    rows = [
        (item, other, 1 / rank, rank) for item, others in near.items() for rank, other in enumerate(others, start=1)
    ]
    schema = {c.ITEM_ID: pl.String, c.SIMILAR_ITEM_ID: pl.String, c.SCORE: pl.Float64, c.RANK: pl.Int32}
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_symmetry_is_the_share_of_likenesses_that_go_both_ways():
    assert behavior.symmetry(similar(a=["b"], b=["a"])) == 1.0
    assert behavior.symmetry(similar(a=["b", "x"], b=["y"])) == 0.0
    assert behavior.symmetry(similar(a=["b", "d"], b=["a", "d"], d=["a"])) == 0.8
    assert behavior.symmetry(similar()) is None


DID = pl.DataFrame(
    {
        c.USER_ID: ["a", "b", "c"],
        c.ITEM_ID: ["i00", "i00", "i01"],
        c.EVENT_TYPE: ["purchase", "view", "purchase"],
    }
)


@pytest.mark.parametrize(
    ("about", "cases", "failed", "items"),
    [
        ({"event": "purchase", "given_category": "hats", "category": "shoes", "at_most": 0}, 1, ("a",), ("i04",)),
        ({"given_category": "hats", "category": "shoes", "at_most": 0}, 2, ("a",), ("i04",)),
        ({"given_items": ("i01",), "items": ("i05",), "at_least": 1}, 1, ("c",), ()),
        ({"event": "view", "category": "bags", "at_least": 1}, 1, (), ()),
        ({"event": "refund", "category": "bags", "at_least": 1}, 0, (), ()),
    ],
)
def test_cases_of_users(about, cases, failed, items):
    shown = served(a=["i03", "i04"], b=["i05", "i08"])
    found = behavior.judged(Case(name="n", **about), interactions=DID, slates=shown, similar=similar(), items=CATALOGUE)
    assert (found.cases, found.failed, found.users, found.items) == (cases, len(failed), failed, items)


def test_a_case_of_a_session_looks_at_what_is_similar_to_all_of_it():
    near = similar(i00=["i03", "i04"], i01=["i04", "i00"])
    shown = {"interactions": DID, "slates": served(), "similar": near, "items": CATALOGUE}
    first = Case(name="n", session=("i00", "i01"), items=("i04",), at_least=1, positions=1)
    assert behavior.judged(first, **shown).failed == 0, "1/2 + 1 beats 1"
    never = Case(name="n", session=("i00",), category="hats", at_most=0)
    assert behavior.judged(never, **shown).failed == 1
    unknown = Case(name="n", session=("nothing",), items=("i04",), at_least=1)
    assert behavior.judged(unknown, **shown).failed == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"category": "hats", "at_least": 1},
        {"event": "view", "session": ("a",), "category": "hats", "at_least": 1},
        {"event": "view", "at_least": 1},
        {"event": "view", "category": "hats"},
        {"event": "view", "category": "hats", "items": ("a",), "at_most": 1, "at_least": 2},
    ],
)
def test_a_case_that_says_too_little_or_too_much_is_refused(wrong):
    with pytest.raises(ValueError, match=r"gate\.cases: 'n'"):
        Case(name="n", **wrong)
