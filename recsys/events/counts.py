"""What became of raw rows, in numbers that add up."""

from typing import Final

from pydantic import NonNegativeInt, model_validator

from recsys.types import Frozen


class RowCounts(Frozen):
    """Where every raw row went; the sum is checked."""

    rows_in: NonNegativeInt
    kept: NonNegativeInt
    quarantined: dict[str, NonNegativeInt]
    "Rows by reason."
    duplicates: NonNegativeInt
    "Good rows that another row of the partition tells already."
    erased: NonNegativeInt = 0
    "Good rows of users who asked to be forgotten."

    @property
    def bad(self) -> int:
        return sum(self.quarantined.values())

    @property
    def bad_share(self) -> float:
        return self.bad / self.rows_in if self.rows_in else 0.0

    @model_validator(mode="after")
    def _nothing_vanishes(self) -> "RowCounts":
        if self.rows_in != self.kept + self.bad + self.duplicates + self.erased:
            raise ValueError(
                f"found {self.rows_in} rows in, expected {self.kept} kept + {self.bad} quarantined + "
                f"{self.duplicates} duplicates + {self.erased} erased"
            )
        return self

    def __add__(self, other: "RowCounts") -> "RowCounts":
        reasons = sorted({*self.quarantined, *other.quarantined})
        return RowCounts(
            rows_in=self.rows_in + other.rows_in,
            kept=self.kept + other.kept,
            quarantined={r: self.quarantined.get(r, 0) + other.quarantined.get(r, 0) for r in reasons},
            duplicates=self.duplicates + other.duplicates,
            erased=self.erased + other.erased,
        )


NO_ROWS: Final = RowCounts(rows_in=0, kept=0, quarantined={}, duplicates=0)
