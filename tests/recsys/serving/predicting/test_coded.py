"""Raw values as texts: the same for one row and for a million."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.predictors.ctr.rows import coded
from recsys.serving.predicting.coded import BETWEEN, Coded, as_text, crossed

values = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats() | st.text()


def told(column: Coded) -> list[str]:
    return [column.values[code] for code in column.codes.tolist()]


def test_a_value_is_written_alike_whatever_its_type():
    assert [as_text(value) for value in (1, 1.0, "1", None, float("nan"), True, 0.5, "")] == [
        *("1", "1", "1", "", "", "true", "0.5", "")
    ]
    assert as_text(datetime(2026, 1, 1, 5, tzinfo=UTC)) == "2026-01-01T05:00:00+00:00"


@given(st.lists(st.tuples(values, values), min_size=1, max_size=20))
def test_rows_alone_are_encoded_as_rows_together(rows):
    both = crossed([Coded.of([row[0] for row in rows]), Coded.of([row[1] for row in rows])])
    assert told(both) == [as_text(one) + BETWEEN + as_text(other) for one, other in rows]
    alone = [told(crossed([Coded.of([one]), Coded.of([other])]).hashed(64))[0] for one, other in rows]
    assert told(both.hashed(64)) == alone


@given(st.lists(st.none() | st.integers(-5, 5), min_size=1, max_size=20))
def test_a_column_of_a_frame_is_read_as_the_rows_of_a_request(numbers):
    column = coded(pl.DataFrame({"n": pl.Series(numbers, dtype=pl.Int64)}), ("n",))["n"]
    assert told(column) == told(Coded.of(numbers))
    assert column.numbers().tobytes() == Coded.of(numbers).numbers().tobytes()


def test_what_is_no_number_is_missing():
    found = Coded.of(["2.5", 3, None, "many", "inf", 1e400, -1e39, 3e38]).numbers()
    np.testing.assert_array_equal(found, [2.5, 3.0, np.nan, np.nan, np.nan, np.nan, np.nan, 3e38])


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        (None, "2026-01-04T23:30:00Z", ("23", "7")),
        (None, "2026-01-05T00:30:00+01:00", ("23", "7")),
        ("%y%m%d%H", "14102105", ("5", "2")),
        (None, "soon", ("", "")),
        (None, "0001-01-01T00:00:00+23:00", ("", "")),
        ("%y%m%d%H", None, ("", "")),
    ],
)
def test_a_time_has_an_hour_and_a_weekday(form, text, expected):
    hours, weekdays = Coded.of([text]).hours_and_weekdays(form)
    assert (told(hours)[0], told(weekdays)[0]) == expected
