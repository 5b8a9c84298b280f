"""A log with a rhythm of the week: a normal week is as usual, each kind of odd day is told by name."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.evaluation.drift import days, releases
from recsys.evaluation.drift.report import DriftReport
from recsys.sites.drift_policy import DriftPolicy

AS_OF = datetime(2026, 5, 4, tzinfo=UTC)
LAST = AS_OF - timedelta(days=1)
POLICY = DriftPolicy()
TYPES = ["view", "cart", "purchase"]


def day(rng, start: datetime, *, events=600, mix=(0.8, 0.15, 0.05), new_users=0.03, new_items=0.02) -> pl.DataFrame:
    """Fewer events on Sundays; some users and items that nobody has met."""
    count = rng.poisson(events * (0.5 if start.weekday() == 6 else 1.0))
    fresh = rng.random((2, count)) < [[new_users], [new_items]]
    tag, numbers = f"{start:%m%d}", rng.integers(0, 9999, (2, count))
    return pl.DataFrame(
        {
            c.USER_ID: named("u", 400, numbers[0], fresh[0], tag),
            c.ITEM_ID: named("i", 200, numbers[1], fresh[1], tag),
            c.EVENT_TYPE: rng.choice(TYPES, count, p=mix),
            c.TIMESTAMP: [start + timedelta(seconds=int(s)) for s in rng.integers(0, 86_400, count)],
        }
    ).cast({c.TIMESTAMP: pl.Datetime("us", "UTC")})


def named(kind: str, known: int, numbers, fresh, tag: str) -> list[str]:
    return [f"{tag}-{n}" if new else f"{kind}{n % known}" for n, new in zip(numbers, fresh, strict=True)]


def log(seed: int = 0, weeks: int = 9, **last_day) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    whole = [day(rng, AS_OF - timedelta(days=back)) for back in range(7 * weeks, 1, -1)]
    return pl.concat([*whole, day(rng, LAST, **last_day)])


def alarms(rows: pl.DataFrame) -> dict[str, str]:
    evidence = days.measure(rows, as_of=AS_OF, days=7, min_rows=POLICY.min_rows)
    return {check.name: check.found for check in days.checks(evidence, POLICY) if not check.passed}


@pytest.mark.parametrize("seed", range(10))
def test_a_normal_week_raises_no_alarm(seed):
    assert alarms(log(seed)) == {}


@pytest.mark.parametrize(
    ("odd", "name", "says"),
    [
        ({"events": 2000}, "a day's volume", "2026-05-03 with "),
        ({"mix": (0.55, 0.4, 0.05)}, "events of another type than usual", "(2026-05-03)"),
        ({"new_users": 0.5}, "users never seen before, above the usual share", "(2026-05-03)"),
        ({"new_items": 0.4}, "events with new items, above the usual share", "(2026-05-03)"),
    ],
)
def test_an_odd_day_is_told_with_its_date(odd, name, says):
    found = alarms(log(**odd))
    assert name in found
    assert says in found[name]


def test_a_log_that_stopped_is_old():
    rows = log().filter(pl.col(c.TIMESTAMP) < AS_OF - timedelta(days=3))
    assert alarms(rows)["the newest event's age in hours"].startswith("72.")


def test_what_is_not_known_yet_is_not_judged():
    evidence = days.measure(log(weeks=1), as_of=AS_OF, days=7, min_rows=200)
    assert (evidence.shares, evidence.volumes.days) == ((), ())


def test_a_day_is_compared_with_its_weekday():
    evidence = days.measure(log(), as_of=AS_OF, days=7, min_rows=200)
    sunday = next(each for each in evidence.volumes.days if each.day == date(2026, 5, 3) and each.what == "events")
    assert 200 < sunday.usual < 400


def catalogue(items: str, gone: str = "") -> pl.DataFrame:
    known = {c.ITEM_ID: list(items), c.AVAILABLE: [item not in gone for item in items]}
    return pl.DataFrame(known, schema={c.ITEM_ID: pl.String, c.AVAILABLE: pl.Boolean})


def test_items_that_came_and_went_are_counted():
    assert releases.churn(catalogue("abcd"), catalogue("abcde", gone="d")) == pytest.approx(2 / 5)
    assert releases.churn(catalogue(""), catalogue("")) is None


def test_releases_that_narrow_slowly_are_found():
    def found(varieties):
        checks = releases.checks(POLICY, varieties=varieties, release_age_hours=10.0, catalogue_churn=0.1)
        return [check.name for check in checks if not check.passed]

    assert found([400, 380, 410, 390]) == found([400]) == found([]) == []
    assert found([400, 320, 250, 190]) == ["the variety of what is shown, relative to the most varied release before"]


def test_an_old_release_and_another_catalogue_are_found():
    checks = releases.checks(POLICY, varieties=[], release_age_hours=100.0, catalogue_churn=0.5)
    assert [check.passed for check in checks] == [False, False]
    assert releases.checks(POLICY, varieties=[], release_age_hours=None, catalogue_churn=None) == []


def test_a_report_says_what_drifted_or_that_nothing_did():
    evidence = days.measure(log(mix=(0.5, 0.45, 0.05)), as_of=AS_OF, days=7, min_rows=200)
    report = DriftReport(site="shop", as_of=AS_OF, checks=tuple(days.checks(evidence, POLICY)), features={}, scores={})
    assert len(report.alarms) == 1
    assert report.reason.startswith("Drift: events of another type than usual: ")
    assert report.model_copy(update={"checks": report.checks[:2]}).reason == "No drift: 2 checks as expected."
