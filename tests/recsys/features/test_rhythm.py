from datetime import timedelta

import polars as pl
import pytest

from recsys import columns as c
from recsys.features.rhythm import hours_between, rhythm
from recsys.testing.checkerboard import START, events

MIDNIGHT = START.replace(hour=0, minute=0, second=0, microsecond=0)
MONDAY = MIDNIGHT - timedelta(days=MIDNIGHT.weekday())


def told(*moments) -> tuple[float, float]:
    log = events([("u", f"i{n}", moment) for n, moment in enumerate(moments)])
    return rhythm(log, c.USER_ID, c.USER_HOUR, c.USER_WEEKEND).row(0)[1:]


def test_the_mean_hour_knows_that_midnight_is_between_eleven_and_one():
    hour, _ = told(MONDAY + timedelta(hours=23), MONDAY + timedelta(hours=25))
    assert min(hour, 24 - hour) == pytest.approx(0, abs=1e-4)
    assert told(MONDAY + timedelta(hours=9), MONDAY + timedelta(hours=10))[0] == pytest.approx(9.5, abs=1e-4)


def test_saturday_and_sunday_are_the_weekend():
    days = [MONDAY + timedelta(days=n, hours=12) for n in range(7)]
    assert told(*days)[1] == pytest.approx(2 / 7, abs=1e-6)
    assert told(days[4])[1] == 0


def test_hours_apart_are_the_shorter_way_round():
    hours = pl.DataFrame({"one": [23.0, 6.0, 1.0], "other": [1.0, 18.0, None]})
    assert hours.select(hours_between("one", "other")).to_series().to_list() == [2.0, 12.0, None]
