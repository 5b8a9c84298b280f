"""The rows that a ranker scores, put together with numpy: equal, bit by bit, to those it was trained on.

``recsys.features.build`` makes the same of frames; a test compares them over all candidates of a release.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from recsys import columns as c
from recsys.serving.scoring.form import Form

Numbers = NDArray[np.int64]
Facts = NDArray[np.float64]
Values = NDArray[np.float32]
HOURS: Final = 24.0


def or_zero(values: NDArray[Any]) -> NDArray[Any]:
    """The values, 0 for NaN; ``np.nan_to_num`` takes ten times as long over so few."""
    return np.where(np.isnan(values), values.dtype.type(0), values)


def _hours_between(one: Facts, other: Facts) -> Facts:
    apart = np.abs(one - other)
    return np.minimum(apart, HOURS - apart)


DERIVED: Final[dict[str, tuple[str, str, Callable[[Facts, Facts], Facts]]]] = {
    c.PRICE_RATIO: (c.PRICE, c.USER_MEAN_PRICE, np.divide),
    c.VALUE_GAP: (c.ITEM_VALUE, c.USER_VALUE, np.subtract),
    c.MAINSTREAM_GAP: (c.ITEM_POPULARITY_RANK, c.USER_MAINSTREAM, np.subtract),
    c.HOUR_GAP: (c.ITEM_HOUR, c.USER_HOUR, _hours_between),
    c.WEEKEND_GAP: (c.ITEM_WEEKEND, c.USER_WEEKEND, np.subtract),
}
"""Features made of one of the item and one of the user."""


@dataclass(frozen=True)
class Known:
    """Values by key; what is not known of a key is NaN."""

    keys: Numbers
    "Sorted."
    values: Values
    "Shape (keys, columns)."

    def at(self, wanted: Numbers) -> Values:
        """Shape (wanted, columns)."""
        found = np.full((len(wanted), self.values.shape[1]), np.nan, dtype=np.float32)
        if len(self.keys):
            place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
            there = self.keys[place] == wanted
            found[there] = self.values[place[there]]
        return found


@dataclass(frozen=True)
class User:
    """What is known of one user."""

    facts: Facts
    "In the order of ``Form.users``."
    tastes: Known
    "By number of category."
    encounters: Known
    "By number of item."
    evidence: Known
    "By number of item: the user's candidates."


@dataclass(frozen=True)
class Items:
    """What is known of items, by number."""

    facts: Facts
    "Shape (items, columns), in the order of ``Form.items``."
    categories: Numbers
    "0: none."


class Rows:
    """Puts together the numeric features of one user's candidates, in the ranker's order."""

    def __init__(self, form: Form, names: Sequence[str]) -> None:
        """``names``: the ranker's numeric features."""
        self._width = len(names)
        self._places = {
            kind: _Places.of(getattr(form, kind), names)
            for kind in ("users", "items", "encounters", "tastes", "evidence")
        }
        self._derived = [
            (names.index(name), form.items.index(item), form.users.index(user), formula)
            for name, (item, user, formula) in DERIVED.items()
            if name in names
        ]
        self._counts = [names.index(name) for name in (c.N_SOURCES,) if name in names]

    def of(self, user: User, items: Items, wanted: Numbers) -> Values:
        """Float32, shape (wanted, features); NaN where nothing is known, as for an item that nobody proposed."""
        rows = np.full((len(wanted), self._width), np.nan, dtype=np.float32)
        facts, categories = np.asarray(items.facts[wanted]), np.asarray(items.categories[wanted])
        self._places["users"].put(rows, user.facts[None, :])
        self._places["items"].put(rows, facts)
        self._places["encounters"].put(rows, user.encounters.at(wanted))
        self._places["tastes"].put(rows, user.tastes.at(categories))
        self._places["evidence"].put(rows, user.evidence.at(wanted))
        for place, item, of_user, formula in self._derived:
            with np.errstate(divide="ignore", invalid="ignore"):
                rows[:, place] = formula(facts[:, item], user.facts[of_user])
        for place in self._counts:
            rows[np.isnan(rows[:, place]), place] = 0.0
        return rows


@dataclass(frozen=True)
class _Places:
    """Which columns of a kind stand where among the features."""

    of_kind: Numbers
    of_rows: Numbers

    @classmethod
    def of(cls, kind: Sequence[str], names: Sequence[str]) -> Self:
        both = [(kind.index(name), place) for place, name in enumerate(names) if name in kind]
        columns, places = zip(*both, strict=True) if both else ((), ())
        return cls(np.array(columns, dtype=np.int64), np.array(places, dtype=np.int64))

    def put(self, rows: Values, values: NDArray[np.floating]) -> None:
        rows[:, self.of_rows] = values[:, self.of_kind]
