"""One demand on a release, and what was found; what was not measured does not pass."""

import math
from collections.abc import Callable, Sequence

from recsys.types import Frozen

SAMPLES = 5
"""Users and items that a failed check names."""


class Check(Frozen):
    """One demand of the policy, and what was found."""

    name: str
    passed: bool
    found: str
    expected: str
    users: tuple[str, ...] = ()
    "Some of those for whom it does not hold."
    items: tuple[str, ...] = ()
    "Some of those that are at fault."


Show = Callable[[float], str]


def count(value: float) -> str:
    """How a number of things is told."""
    return f"{value:,.0f}"


def percent(value: float) -> str:
    """How a share is told."""
    return f"{100 * value:.1f} %"


def hours(value: float) -> str:
    """How a time in hours is told."""
    return f"{value:.1f}"


def number(value: float) -> str:
    """How a metric is told."""
    return f"{value:.4f}"


def at_least(name: str, found: float | None, bound: float, show: Show = number) -> Check:
    """Passes when ``found`` is a number, and not below ``bound``."""
    return _bounded(name, found, f"at least {show(bound)}", show, passed=found is not None and found >= bound)


def at_most(name: str, found: float | None, bound: float, show: Show = number, *, items: Sequence[str] = ()) -> Check:
    """Passes when ``found`` is a number, and not above ``bound``; else it names some of the ``items``."""
    passed = found is not None and found <= bound
    return _bounded(name, found, f"at most {show(bound)}", show, passed=passed, items=items)


def not_measured(name: str, expected: str) -> Check:
    """Does not pass: nothing is known of it."""
    return Check(name=name, passed=False, found="not measured", expected=expected)


def _bounded(
    name: str, found: float | None, expected: str, show: Show, *, passed: bool, items: Sequence[str] = ()
) -> Check:
    if found is None or math.isnan(found):
        return not_measured(name, expected)
    samples = () if passed else tuple(items[:SAMPLES])
    return Check(name=name, passed=passed, found=_told(show(found), samples), expected=expected, items=samples)


def _told(found: str, samples: Sequence[str]) -> str:
    return f"{found} ({', '.join(samples)})" if samples else found
