from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys import columns as c
from recsys.datasets.splits import cut_windows
from recsys.errors import NotEnoughData
from recsys.events.schema import TIME
from recsys.sites.config import WindowPolicy

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
lengths = st.integers(min_value=1, max_value=60)
moments = st.datetimes(datetime(2025, 6, 1), datetime(2026, 3, 2), timezones=st.just(UTC))  # noqa: DTZ001


@given(st.lists(moments, max_size=40), lengths, lengths, lengths)
def test_no_training_time_reaches_the_time_it_is_judged_on(times, history, label, evaluation):
    policy = WindowPolicy(history_days=history, label_days=label, evaluation_days=evaluation)
    windows = cut_windows(AS_OF, policy)
    log = pl.DataFrame({c.TIMESTAMP: times}, schema={c.TIMESTAMP: TIME})
    known, taught, judged = (w.of(log)[c.TIMESTAMP] for w in (windows.history, windows.label, windows.evaluation))
    assert max(known, default=windows.history.start) < windows.label.start <= min(taught, default=windows.label.start)
    assert max(taught, default=windows.label.start) < windows.evaluation.start
    assert windows.evaluation.start <= min(judged, default=windows.evaluation.start)
    assert max(judged, default=windows.evaluation.start) < windows.as_of
    inside = [t for t in times if windows.history.start <= t < AS_OF]
    assert sorted([*known, *taught, *judged]) == sorted(inside)


def test_a_moment_on_the_edge_belongs_to_the_later_window():
    windows = cut_windows(AS_OF, WindowPolicy(history_days=10, label_days=7, evaluation_days=7))
    assert windows.label.start == datetime(2026, 2, 15, tzinfo=UTC)
    edges = pl.DataFrame({c.TIMESTAMP: [windows.label.start, windows.evaluation.start, AS_OF]}).cast(TIME)
    assert windows.history.of(edges).height == 0
    assert windows.label.of(edges)[c.TIMESTAMP].to_list() == [windows.label.start]
    assert windows.evaluation.of(edges.lazy()).collect()[c.TIMESTAMP].to_list() == [windows.evaluation.start]


def test_lengths_are_those_of_the_policy():
    windows = cut_windows(AS_OF, WindowPolicy(history_days=30, label_days=5, evaluation_days=3))
    days = [(w.end - w.start) / timedelta(days=1) for w in (windows.history, windows.label, windows.evaluation)]
    assert days == [30, 5, 3]


def test_a_time_without_zone_is_refused():
    with pytest.raises(NotEnoughData, match="without a time zone"):
        cut_windows(AS_OF.replace(tzinfo=None), WindowPolicy())
