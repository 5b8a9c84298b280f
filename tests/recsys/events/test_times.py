from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.events.schema import TIME
from recsys.events.times import TimeForm, as_utc

MOMENT = datetime(2026, 3, 1, 10, tzinfo=UTC)


def one(written: object, **form: object) -> datetime | None:
    (moment,) = as_utc(pl.Series([written]), TimeForm(**form))
    return moment


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-01T10:00:00Z",
        "2026-03-01T10:00:00.000Z",
        "2026-03-01T12:00:00+02:00",
        "2026-03-01T12:00:00+0200",
        "2026-03-01 04:30:00-05:30",
        "2026-03-01T10:00Z",
        "20260301T100000Z",
        "2026-03-01T10:00:00",
        "2026-03-01 10:00:00.000000",
        "2026-03-01 10:00",
        " 2026-03-01 10:00:00 ",
        "1772359200",
        "1772359200000",
        "1772359200000000",
        "1772359200000000000",
        "1772359200.0",
        "1.7723592e9",
        1772359200,
        1772359200.0,
    ],
)
def test_one_moment_in_many_ways(written):
    assert one(written) == MOMENT


@pytest.mark.parametrize(
    "written", ["", "soon", "2026-02-30T10:00:00Z", "2026-13-01", "10:00", "NaN", "1e400", "9" * 25, float("nan"), None]
)
def test_what_is_no_time_is_null(written):
    assert one(written) is None


def test_a_batch_may_hold_every_form_at_once():
    written = ["2026-03-01T10:00:00Z"] * 200 + ["1772359200", "2026-03-01T12:00:00+02:00", "x", "2026-03-01 10:00"]
    assert as_utc(pl.Series(written), TimeForm()).to_list() == [MOMENT] * 202 + [None, MOMENT]


def test_a_time_without_a_zone_is_in_the_sites_zone():
    assert one("2026-03-01 11:00:00", timezone="Europe/Vienna") == MOMENT
    assert one("2026-03-01T10:00:00Z", timezone="Europe/Vienna") == MOMENT
    assert one("2026-03-01", timezone="Europe/Vienna") == datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert one(datetime.fromisoformat("2026-03-01T11:00:00"), timezone="Europe/Vienna") == MOMENT


def test_when_clocks_are_changed():
    assert one("2026-10-25 02:30:00", timezone="Europe/Vienna") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert one("2026-03-29 02:30:00", timezone="Europe/Vienna") is None


def test_a_unit_that_is_named_is_not_guessed():
    assert one("1000", unit="ms") == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert one("1772359200", unit="s") == MOMENT
    assert one("1772359200000000", unit="s") is None


def test_1970_and_2199_are_read_and_left_for_the_site_to_judge():
    assert one("0") == datetime(1970, 1, 1, tzinfo=UTC)
    assert one("7226582400") == datetime(2199, 1, 1, tzinfo=UTC)


def test_a_format_of_ones_own():
    assert one("3/1/2026 10:00", format="%m/%d/%Y %H:%M") == MOMENT
    assert one("3/1/2026 12:00 +0200", format="%m/%d/%Y %H:%M %z") == MOMENT
    assert one("2026-03-01T10:00:00Z", format="%m/%d/%Y %H:%M") is None


def test_datetimes_with_a_zone_keep_their_moment():
    assert one(MOMENT) == MOMENT
    assert (
        as_utc(
            pl.Series([MOMENT]).dt.convert_time_zone("Asia/Tokyo").cast(pl.Datetime("ns", "Asia/Tokyo")), TimeForm()
        )[0]
        == MOMENT
    )


MOMENTS = st.datetimes(datetime.fromisoformat("1995-01-01"), datetime.fromisoformat("2100-12-31"))


@given(st.lists(MOMENTS, max_size=8), st.integers(-14 * 60, 14 * 60))
def test_what_python_writes_is_read_as_it_was(moments, minutes):
    offset = timedelta(minutes=minutes)
    written = [
        f"{(each + offset).isoformat()}{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
        for each in moments
    ]
    read = as_utc(pl.Series(written, dtype=pl.String), TimeForm())
    assert read.dtype == TIME
    assert read.to_list() == [each.replace(tzinfo=UTC) for each in moments]
