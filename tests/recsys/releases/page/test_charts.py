import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.evaluation.bootstrap import Interval
from recsys.releases.page.charts import DOT, PLOT, SHADES, SWARM, WIDTH, curve, forest, span, swarm, swarm_zero, verdict


def interval(low: float, mean: float, high: float) -> Interval:
    return Interval(low=low, mean=mean, high=high)


def test_intervals_stand_where_they_should():
    drawn = forest([interval(0.1, 0.2, 0.3), None, interval(-0.1, 0.0, 0.1)])
    assert [tick.label for tick in drawn.ticks] == ["−10 %", "0", "+10 %", "+20 %", "+30 %"]
    assert [tick.at for tick in drawn.ticks] == [0, WIDTH / 4, WIDTH / 2, WIDTH * 3 / 4, WIDTH]
    first, nothing, last = drawn.whiskers
    assert first is not None
    assert last is not None
    assert (first.low, first.mean, first.high) == (WIDTH / 2, WIDTH * 3 / 4, WIDTH)
    assert nothing is None
    assert (first.verdict, last.verdict) == ("better", "unclear")
    assert last.mean == drawn.zero == WIDTH / 4


def test_an_interval_that_touches_zero_is_unclear():
    assert [verdict(interval(*each)) for each in ((0, 1, 2), (0.1, 1, 2), (-2, -1, -0.1), (-2, -1, 0))] == [
        "unclear",
        "better",
        "worse",
        "unclear",
    ]


numbers = st.floats(-1000, 1000).filter(lambda each: each == 0 or abs(each) > 1e-6)


@given(st.lists(st.tuples(numbers, numbers, numbers).map(sorted), max_size=5))
def test_nothing_leaves_the_picture(ranges):
    drawn = forest([interval(*each) for each in ranges])
    places = [place for each in drawn.whiskers if each for place in (each.low, each.mean, each.high)]
    assert all(0 <= place <= WIDTH for place in [drawn.zero, *places, *(tick.at for tick in drawn.ticks)])
    assert 2 <= len(drawn.ticks) <= 9


@given(st.lists(st.floats(0, 1), max_size=40))
def test_a_curve_has_a_point_per_tree_and_its_best_is_marked(values):
    drawn = curve(values)
    if drawn is None:
        assert len(values) < 2
        return
    points = [tuple(map(float, point.split(","))) for point in drawn.points.split()]
    assert len(points) == len(values)
    assert drawn.best == points[int(np.argmax(values))]
    assert all(0 <= x <= PLOT[0] and 0 <= y <= PLOT[1] for x, y in points)


def test_dots_of_a_swarm_lie_by_value_and_are_shaded_by_the_features_value():
    values, heights = np.array([-1.0, 0.0, 0.0, 2.0]), np.array([0.0, 0.5, 1.0, np.nan])
    between = span([values, np.array([0.5])])
    assert between == (-1.0, 2.0)
    paths = swarm(values, heights, span=between)
    assert [path.count("M") for path in paths] == [1, 0, 1, 0, 1, 1]
    assert len(paths) == SHADES + 1
    assert paths[0].startswith(f"M{DOT:.0f} ")
    assert paths[-1].startswith(f"M{SWARM[0] - DOT:.0f} ")
    assert swarm_zero(between) == pytest.approx(DOT + (SWARM[0] - 2 * DOT) / 3, abs=0.1)


def test_equal_contributions_are_stacked_not_hidden():
    [path] = [each for each in swarm(np.zeros(3), np.full(3, np.nan), span=span([])) if each]
    assert len({each.split()[1] for each in path.split("M")[1:]}) == 3
