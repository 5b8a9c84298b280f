"""From raw rows to a model's features: which columns they must have, and how each is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from recsys import columns as c
from recsys.errors import MissingColumns
from recsys.serving.predicting.coded import Coded
from recsys.serving.predicting.lookups import Lookup

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HOUR: Final = "hour_of_day"
WEEKDAY: Final = "day_of_week"
"""Columns that the time of a row adds."""
MOST_NAMED: Final = 3
"""Rows that an error names."""


@dataclass(frozen=True)
class RowReader:
    """Which columns raw rows have, and what is made of them before anything is looked up."""

    columns: tuple[str, ...]
    "That every row must have; a value may be null. Others are not looked at."
    time: str | None
    "The column that says when; it adds hour_of_day and day_of_week."
    time_format: str | None
    "As of ``strptime``; None: ISO 8601."
    salt: bytes
    "Of the hash that stands for a user's id: a model names nobody."

    def read(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Coded]:
        """The columns of these rows.

        Raises:
            MissingColumns: with the columns that some row has not.
        """
        faults = {name: [n for n, row in enumerate(rows) if name not in row] for name in self.columns}
        missing = {name: found for name, found in faults.items() if found}
        if missing:
            told = "; ".join(
                f"{name} in row{'s' * (len(found) > 1)} {', '.join(map(str, found[:MOST_NAMED]))}"
                f"{' …' * (len(found) > MOST_NAMED)}"
                for name, found in missing.items()
            )
            raise MissingColumns(
                f"found no {told} (counted from 0), expected the columns {list(self.columns)} in every row; null is "
                "accepted where a value is not known",
                columns=tuple(missing),
            )
        return self.prepared({name: Coded.of([row[name] for row in rows]) for name in self.columns})

    def prepared(self, columns: dict[str, Coded]) -> dict[str, Coded]:
        """The same columns with users unnamed, and those that the time of a row adds."""
        if c.USER_ID in columns:
            columns = {**columns, c.USER_ID: columns[c.USER_ID].unnamed(self.salt)}
        if self.time is None:
            return columns
        hours, weekdays = columns[self.time].hours_and_weekdays(self.time_format)
        return {**columns, HOUR: hours, WEEKDAY: weekdays}


@dataclass(frozen=True)
class RowEncoder:
    """Fitted: features of rows, numbers first."""

    numbers: tuple[str, ...]
    lookups: tuple[Lookup, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.numbers, *(lookup.name for lookup in self.lookups))

    def table(self, columns: Mapping[str, Coded]) -> "NDArray[np.float32]":
        """Float32, shape (rows, features); a row's numbers come from that row and the fitted tables alone."""
        return features(columns, self.numbers, self.lookups)


def features(columns: Mapping[str, Coded], numbers: Sequence[str], lookups: Sequence[Lookup]) -> "NDArray[np.float32]":
    """One column per number and per lookup, in their order."""
    import numpy as np

    parts = [*(columns[name].numbers() for name in numbers), *(lookup.of(columns) for lookup in lookups)]
    return np.stack(parts, axis=1).astype(np.float32)
