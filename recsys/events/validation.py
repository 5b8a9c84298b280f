"""Raw rows checked against the event contract: each is kept, set aside with one reason, or a duplicate."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.events.counts import RowCounts
from recsys.events.model import MAX_ID_LENGTH
from recsys.events.raw import RAW
from recsys.events.schema import INTERACTIONS, QUARANTINE, require

BAD_TIMESTAMP: Final = "bad_timestamp"
ABSURD_TIMESTAMP: Final = "absurd_timestamp"
OUTSIDE_DAY: Final = "timestamp_outside_day"
UNKNOWN_EVENT_TYPE: Final = "unknown_event_type"
BAD_VALUE: Final = "bad_value"
DUPLICATE: Final = "duplicate"

WHEN: Final = pl.col(c.TIMESTAMP)
CONTROL_CHARACTERS: Final = r"[\x00-\x1f\x7f]"


@dataclass(frozen=True)
class Checked:
    """The rows of one day, sorted out: rows in = kept + quarantine + duplicates."""

    kept: pl.DataFrame
    "Schema INTERACTIONS; event_id unique."
    quarantine: pl.DataFrame
    "Schema QUARANTINE."
    duplicates: int

    @property
    def counts(self) -> RowCounts:
        """Where the rows went; reasons with the most frequent first."""
        by_reason = self.quarantine[c.REASON].value_counts().sort(pl.nth(1), pl.nth(0), descending=[True, False])
        return RowCounts(
            rows_in=self.kept.height + self.quarantine.height + self.duplicates,
            kept=self.kept.height,
            quarantined=dict(by_reason.rows()),
            duplicates=self.duplicates,
        )


NOTHING: Final = Checked(pl.DataFrame(schema=INTERACTIONS), pl.DataFrame(schema=QUARANTINE), duplicates=0)


def check(
    rows: pl.DataFrame, *, event_types: Iterable[str], earliest: date, latest: date
) -> dict[date | None, Checked]:
    """Every row of ``rows`` (schema RAW) by its UTC day, sorted out.

    A row's day is the one its file says; else that of its timestamp, when it lies between ``earliest`` and ``latest``
    (exclusive). Other rows have no day and come under None. The first fault found is the reason, a source's own first.
    Of good rows of one day with the same event_id the first is kept, the others are duplicates.

    Raises:
        SchemaError: ``rows`` is not in the schema RAW.
    """
    start, end = (datetime.combine(day, time(), UTC) for day in (earliest, latest))
    sane = WHEN.is_between(start, end, closed="left")
    faults = [
        (WHEN.is_null(), BAD_TIMESTAMP),
        (pl.col(c.DAY).is_null() & ~sane, ABSURD_TIMESTAMP),
        (WHEN.dt.date() != pl.col(c.DAY), OUTSIDE_DAY),
        *(
            (pl.col(column).is_null() | _unusable(column), f"bad_{column}")
            for column in (c.EVENT_ID, c.USER_ID, c.ITEM_ID)
        ),
        *((_unusable(column), f"bad_{column}") for column in (c.SESSION_ID, c.REQUEST_ID)),
        (~pl.col(c.EVENT_TYPE).is_in(list(event_types)).fill_null(False), UNKNOWN_EVENT_TYPE),
        (~pl.col(c.VALUE).is_finite(), BAD_VALUE),
    ]
    judged = require(rows, RAW, name="raw rows").with_columns(
        pl.coalesce(pl.col(c.DAY), pl.when(sane).then(WHEN.dt.date())).alias(c.DAY),
        first_reason(faults).alias(c.REASON),
    )
    again = pl.col(c.REASON).is_null() & ~pl.struct(c.DAY, c.EVENT_ID, c.REASON).is_first_distinct()
    marked = judged.with_columns(pl.when(again).then(pl.lit(DUPLICATE)).otherwise(pl.col(c.REASON)).alias(c.REASON))
    return {day: _sorted_out(part) for (day,), part in marked.partition_by(c.DAY, as_dict=True).items()}


def first_reason(faults: Iterable[tuple[pl.Expr, str]]) -> pl.Expr:
    """The row's own ``reason`` where it has one, else that of the first condition that holds; null where none does."""
    return pl.coalesce(pl.col(c.REASON), *(pl.when(condition).then(pl.lit(reason)) for condition, reason in faults))


def _unusable(column: str) -> pl.Expr:
    length = pl.col(column).str.len_chars()
    return (length == 0) | (length > MAX_ID_LENGTH) | pl.col(column).str.contains(CONTROL_CHARACTERS)


def _sorted_out(rows: pl.DataFrame) -> Checked:
    reason = pl.col(c.REASON)
    raw = pl.coalesce(pl.col(c.RAW), pl.struct(INTERACTIONS.names()).struct.json_encode()).alias(c.RAW)
    return Checked(
        kept=rows.filter(reason.is_null()).select(INTERACTIONS.names()),
        quarantine=rows.filter(reason != DUPLICATE).with_columns(raw).select(QUARANTINE.names()),
        duplicates=rows.filter(reason == DUPLICATE).height,
    )
