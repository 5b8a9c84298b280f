"""Columns of raw rows as texts and codes: the form in which encoders read them, be it one row or millions."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import blake2b
from math import isfinite, nan
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BETWEEN: Final = "\x1f"
"""Stands between the texts of several columns (the ASCII unit separator)."""
MISSING: Final = ""
LARGEST: Final = 3.4028234663852886e38
"""Of the numbers that 32 bits hold: one beyond it is missing, as infinity is."""


def as_text(value: object) -> str:
    """How a value is written, whatever its type: 1 and 1.0 and "1" are the same; what is missing is empty."""
    if value is None:
        return MISSING
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return MISSING if not isfinite(value) else str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


@dataclass(frozen=True)
class Coded:
    """One column: row *i* has the text ``values[codes[i]]``."""

    values: Sequence[str]
    codes: "NDArray[np.int64]"

    @classmethod
    def of(cls, column: Sequence[object]) -> "Coded":
        """A column of few rows, each with its own code."""
        import numpy as np

        return cls([as_text(value) for value in column], np.arange(len(column)))

    def __len__(self) -> int:
        return len(self.codes)

    def numbers(self) -> "NDArray[np.float64]":
        """Each row's text as a number; NaN where it is none, or beyond LARGEST."""
        import numpy as np

        return np.array([_number(text) for text in self.values], dtype=np.float64)[self.codes]

    def looked_up(self, table: Mapping[str, float], otherwise: float) -> "NDArray[np.float64]":
        """Each row's number in ``table``, or ``otherwise``."""
        import numpy as np

        return np.array([table.get(text, otherwise) for text in self.values], dtype=np.float64)[self.codes]

    def hashed(self, buckets: int) -> "Coded":
        """The number of each text's bucket (CRC-32) in its place."""
        return Coded(
            [str(zlib.crc32(text.encode("utf-8", "surrogatepass")) % buckets) for text in self.values], self.codes
        )

    def unnamed(self, salt: bytes) -> "Coded":
        """A salted hash (BLAKE2, 64 bits) in each text's place, which is no number; what is missing stays so."""
        return Coded([text and f"#{_salted(text, salt)}" for text in self.values], self.codes)

    def hours_and_weekdays(self, form: str | None) -> tuple["Coded", "Coded"]:
        """Hour of the day, 0 to 23, and day of the week, 1 is Monday, of a column of times; empty where it is none.

        Args:
            form: as of ``strptime``; None: ISO 8601. Times with a zone are read in UTC, others as they are.
        """
        times = [_time(text, form) for text in self.values]
        hours = [MISSING if time is None else str(time.hour) for time in times]
        weekdays = [MISSING if time is None else str(time.isoweekday()) for time in times]
        return Coded(hours, self.codes), Coded(weekdays, self.codes)


def crossed(columns: Sequence[Coded]) -> Coded:
    """The texts of several columns as one."""
    import numpy as np

    first, *others = columns
    for other in others:
        pairs = first.codes * len(other.values) + other.codes
        found, codes = (pairs, np.arange(len(pairs))) if len(pairs) < 2 else np.unique(pairs, return_inverse=True)
        left, right = np.divmod(found, max(len(other.values), 1))
        texts = [
            first.values[a] + BETWEEN + other.values[b] for a, b in zip(left.tolist(), right.tolist(), strict=True)
        ]
        first = Coded(texts, codes)
    return first


def _salted(text: str, salt: bytes) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=salt).hexdigest()


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return nan
    return number if -LARGEST <= number <= LARGEST else nan


def _time(text: str, form: str | None) -> datetime | None:
    try:
        time = datetime.fromisoformat(text) if form is None else datetime.strptime(text, form)  # noqa: DTZ007 as it is
        return time.astimezone(UTC) if time.tzinfo else time
    except (ValueError, OverflowError):
        return None
