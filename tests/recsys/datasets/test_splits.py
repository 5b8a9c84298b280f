from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys import columns as c
from recsys.datasets.splits import cut_windows, label_windows
from recsys.errors import NotEnoughData
from recsys.events.schema import TIME
from recsys.sites.config import WindowPolicy

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
lengths = st.integers(min_value=1, max_value=60)
counts = st.integers(min_value=1, max_value=5)
moments = st.datetimes(datetime(2025, 6, 1), datetime(2026, 3, 2), timezones=st.just(UTC))  # noqa: DTZ001


@given(st.lists(moments, max_size=40), lengths, counts, lengths)
def test_no_time_is_taught_and_judged(times, label, count, evaluation):
    policy = WindowPolicy(label_days=label, label_windows=count, evaluation_days=evaluation)
    windows = cut_windows(AS_OF, policy)
    log = pl.DataFrame({c.TIMESTAMP: times}, schema={c.TIMESTAMP: TIME})
    *taught, judged = (window.of(log)[c.TIMESTAMP].to_list() for window in (*windows.labels, windows.evaluation))
    since = windows.labels[0].start
    assert sorted([*(t for part in taught for t in part), *judged]) == sorted(t for t in times if since <= t < AS_OF)
    assert all(t < windows.evaluation.start for part in taught for t in part)
    assert windows.as_of == AS_OF


def test_windows_stand_back_to_back():
    windows = cut_windows(AS_OF, WindowPolicy(label_days=5, label_windows=2, evaluation_days=3))
    edges = [windows.labels[0].start, *(w.end for w in windows.labels), windows.evaluation.end]
    assert [AS_OF - edge for edge in edges] == [timedelta(days=n) for n in (13, 8, 3, 0)]
    assert windows.evaluation.start == windows.labels[-1].end == windows.labels[-1].start + timedelta(days=5)
    assert label_windows(windows.evaluation.start, WindowPolicy(label_days=5, label_windows=2)) == windows.labels


def test_a_moment_on_the_edge_belongs_to_the_later_window():
    windows = cut_windows(AS_OF, WindowPolicy(label_days=7, label_windows=1, evaluation_days=7))
    (label,) = windows.labels
    assert label.start == datetime(2026, 2, 15, tzinfo=UTC)
    edges = pl.DataFrame({c.TIMESTAMP: [label.start, windows.evaluation.start, AS_OF]}).cast(TIME)
    assert label.of(edges)[c.TIMESTAMP].to_list() == [label.start]
    assert windows.evaluation.of(edges.lazy()).collect()[c.TIMESTAMP].to_list() == [windows.evaluation.start]


def test_a_time_without_zone_is_refused():
    with pytest.raises(NotEnoughData, match="without a time zone"):
        cut_windows(AS_OF.replace(tzinfo=None), WindowPolicy())
