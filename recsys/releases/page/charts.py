"""Where things stand in the page's pictures: pixels from the upper left corner of each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsys.evaluation.bootstrap import Interval

WIDTH: Final = 420
ROW: Final = 30
TICKS: Final = 5
PLOT: Final = (560, 180)
"Width and height of the learning curve."
SWARM: Final = (360, 26)
"Width of the swarm, and height of one feature's row."
SHADES: Final = 5
DOT: Final = 4.0


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    at: float
    label: str


@dataclass(frozen=True)
class Whisker:
    """A mean with its interval."""

    low: float
    mean: float
    high: float
    verdict: str
    "better, worse or unclear: whether the interval leaves zero out."


@dataclass(frozen=True)
class Forest:
    """Intervals under each other on one axis with a line at zero."""

    whiskers: tuple[Whisker | None, ...]
    zero: float
    ticks: tuple[Tick, ...]


@dataclass(frozen=True)
class Curve:
    """A metric by number of trees."""

    points: str
    best: tuple[float, float]
    rows: tuple[Tick, ...]
    columns: tuple[Tick, ...]


def forest(intervals: Sequence[Interval | None], *, percent: bool = True) -> Forest:
    """Intervals on one axis, in percent or as they are; None leaves its row empty."""
    known = [each for each in intervals if each is not None]
    low = min([0.0, *(each.low for each in known)])
    high = max([0.0, *(each.high for each in known)])
    marks = _round_marks(low, high)
    left, right = min(low, marks[0]), max(high, marks[-1])

    def at(value: float) -> float:
        return round(WIDTH * (value - left) / (right - left), 1)

    return Forest(
        whiskers=tuple(
            None if each is None else Whisker(at(each.low), at(each.mean), at(each.high), verdict(each))
            for each in intervals
        ),
        zero=at(0.0),
        ticks=tuple(Tick(at(mark), _label(mark, percent)) for mark in marks),
    )


def _label(mark: float, percent: bool) -> str:
    return ("0" if not mark else f"{100 * mark:+.4g} %" if percent else f"{mark:+.4g}").replace("-", "−")


def verdict(interval: Interval) -> str:
    """On which side of zero the whole interval lies."""
    return "better" if interval.low > 0 else "worse" if interval.high < 0 else "unclear"


def curve(values: Sequence[float]) -> Curve | None:
    """A line from the first tree to the last; None where there are not two."""
    if len(values) < 2:
        return None
    width, height = PLOT
    marks = _round_marks(min(values), max(values))
    low, high = min(*values, marks[0]), max(*values, marks[-1])

    def x(number: float) -> float:
        return round(width * (number - 1) / (len(values) - 1), 1)

    def y(value: float) -> float:
        return round(height * (1 - (value - low) / (high - low)), 1)

    best = int(np.argmax(values))
    return Curve(
        points=" ".join(f"{x(number)},{y(value)}" for number, value in enumerate(values, 1)),
        best=(x(best + 1), y(values[best])),
        rows=tuple(Tick(y(mark), f"{mark:.4g}") for mark in marks),
        columns=tuple(Tick(x(number), str(number)) for number in sorted({1, best + 1, len(values)})),
    )


def span(contributions: Sequence[NDArray[np.float64]]) -> tuple[float, float]:
    """From the lowest to the highest contribution of any feature; 0 lies between."""
    low = min([0.0, *(float(each.min()) for each in contributions)])
    high = max([0.0, *(float(each.max()) for each in contributions)])
    return (low, high) if high > low else (-1.0, 1.0)


def swarm_zero(span: tuple[float, float]) -> float:
    """Where a contribution of 0 stands in a swarm."""
    return round(_across(0.0, span), 1)


def _across(value: float, span: tuple[float, float]) -> float:
    low, high = span
    return DOT + (value - low) / (high - low) * (SWARM[0] - 2 * DOT)


def swarm(values: NDArray[np.float64], shades: NDArray[np.float64], *, span: tuple[float, float]) -> list[str]:
    """One feature's contributions as dots that do not lie on each other: an SVG path per shade, and one for no shade.

    Args:
        values: contributions.
        shades: in [0, 1], from a low to a high value of the feature; NaN: none.
        span: lowest and highest contribution of all features.
    """
    height = SWARM[1]
    x = [_across(value, span) for value in values]
    heights: dict[int, int] = {}
    paths = [""] * (SHADES + 1)
    for number in np.argsort(np.abs(values), kind="stable"):
        slot = int(x[number] / DOT)
        nth = heights[slot] = heights.get(slot, -1) + 1
        away = ((nth + 1) // 2) * (1 if nth % 2 else -1) * DOT / 2
        y = height / 2 + max(-height / 2 + 3, min(height / 2 - 3, away))
        shade = SHADES if math.isnan(shades[number]) else min(SHADES - 1, int(shades[number] * SHADES))
        paths[shade] += f"M{x[number]:.0f} {y:.0f}h0"
    return paths


def _round_marks(low: float, high: float) -> list[float]:
    """About TICKS round numbers that begin at or below ``low`` and end at or above ``high``."""
    if high <= low:
        low, high = low - 0.05, high + 0.05
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]
