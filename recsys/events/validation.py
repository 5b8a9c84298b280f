"""Raw rows checked against the event contract: each is good, or set aside with one reason."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.events.model import MAX_ID_LENGTH
from recsys.events.raw import RAW, Filing, RawBatch
from recsys.events.schema import QUARANTINE, TIME, filled, require

BAD_TIMESTAMP: Final = "bad_timestamp"
ABSURD_TIMESTAMP: Final = "absurd_timestamp"
OUTSIDE_DAY: Final = "timestamp_outside_day"
UNKNOWN_EVENT_TYPE: Final = "unknown_event_type"
BAD_VALUE: Final = "bad_value"
BAD_ITEMS: Final = "bad_items"

WHEN: Final = pl.col(c.TIMESTAMP)
SHOWN: Final = pl.col(c.ITEMS)
CONTROL_CHARACTERS: Final = r"[\x00-\x1f\x7f]"

SET_ASIDE: Final = pl.Schema({c.PARTITION: TIME, **QUARANTINE})
"""A row of the quarantine, with the partition that it belongs to; null where that cannot be told."""


@dataclass(frozen=True)
class Rules:
    """What a site takes as an event, and how it cuts time."""

    event_types: tuple[str, ...]
    earliest: date
    "Before this UTC day a time is absurd."
    latest: date
    "From this UTC day on a time is absurd."
    hourly: bool = False
    "Partitions are hours, not days."

    def slot(self, moment: datetime) -> datetime:
        """When the partition of ``moment`` starts."""
        return moment.replace(hour=moment.hour if self.hourly else 0, minute=0, second=0, microsecond=0)

    @property
    def sane(self) -> pl.Expr:
        """Whether the row's time is one at which events can have happened."""
        start, end = (datetime.combine(day, time(), UTC) for day in (self.earliest, self.latest))
        return WHEN.is_between(start, end, closed="left")


@dataclass(frozen=True)
class Sorted:
    """A batch, sorted out: its rows = good + set aside."""

    good: pl.DataFrame
    "Columns of RAW, and the partition."
    aside: pl.DataFrame
    "Schema SET_ASIDE."


def check(batch: RawBatch, rules: Rules) -> Sorted:
    """Every row of the batch, in its order, with the UTC partition in which it happened.

    A bad row belongs to the partition of its filing, where it has one; else to that of its time, where that is sane;
    else to none. The first fault found is the reason, a source's own first.

    Raises:
        SchemaError: the rows are not in the schema RAW.
    """
    rows = require(batch.rows, RAW, name="raw rows")
    faults = [*_time_faults(batch.filing, rules), *_content_faults(rules, impressions=_has_impressions(rows))]
    bad = rows.select(
        pl.any_horizontal(pl.col(c.REASON).is_not_null(), *(fault.fill_null(False) for fault, _ in faults))
    ).to_series()
    slot = WHEN.dt.truncate("1h" if rules.hourly else "1d").alias(c.PARTITION)
    good = rows.filter(~bad).with_columns(slot) if bad.any() else rows.with_columns(slot)
    its_slot = pl.lit(rules.slot(batch.filing.start), TIME) if batch.filing else pl.when(rules.sane).then(slot)
    aside = rows.filter(bad).select(
        its_slot.alias(c.PARTITION),
        c.SOURCE_FILE,
        c.SOURCE_LINE,
        first_reason(faults).alias(c.REASON),
        _as_json(batch.originals.filter(bad)).alias(c.RAW),
    )
    return Sorted(good, filled(aside, SET_ASIDE))


def first_reason(faults: Iterable[tuple[pl.Expr, str]]) -> pl.Expr:
    """The row's own ``reason`` where it has one, else that of the first condition that holds; null where none does."""
    return pl.coalesce(pl.col(c.REASON), *(pl.when(condition).then(pl.lit(reason)) for condition, reason in faults))


def _time_faults(filing: Filing | None, rules: Rules) -> list[tuple[pl.Expr, str]]:
    if filing is None:
        return [(WHEN.is_null(), BAD_TIMESTAMP), (~rules.sane, ABSURD_TIMESTAMP)]
    expected = WHEN.is_between(filing.start - filing.late, filing.end, closed="left")
    return [(WHEN.is_null(), BAD_TIMESTAMP), (~expected, OUTSIDE_DAY)]


def _content_faults(rules: Rules, *, impressions: bool) -> list[tuple[pl.Expr, str]]:
    names_an_item = pl.col(c.ITEM_ID).is_null() | _unusable(c.ITEM_ID)
    unknown_type = ~pl.col(c.EVENT_TYPE).is_in(list(rules.event_types)).fill_null(False)
    only = SHOWN.is_null() if impressions else pl.lit(True)
    required = [(pl.col(name).is_null() | _unusable(name), f"bad_{name}") for name in (c.EVENT_ID, c.USER_ID)]
    optional = [(_unusable(name), f"bad_{name}") for name in (c.SESSION_ID, c.REQUEST_ID, c.RELEASE_ID)]
    shown = pl.element()
    bad_items = (SHOWN.list.len() == 0) | SHOWN.list.eval(_is_unusable(shown) | shown.is_null()).list.any()
    return [
        *required,
        (only & names_an_item, f"bad_{c.ITEM_ID}"),
        *optional,
        (only & unknown_type, UNKNOWN_EVENT_TYPE),
        (~pl.col(c.VALUE).is_finite(), BAD_VALUE),
        *([(bad_items, BAD_ITEMS)] if impressions else []),
    ]


def _unusable(column: str) -> pl.Expr:
    return _is_unusable(pl.col(column))


def _is_unusable(text: pl.Expr) -> pl.Expr:
    too_long = (text.str.len_bytes() > MAX_ID_LENGTH) & (text.str.len_chars() > MAX_ID_LENGTH)
    return (text.str.len_bytes() == 0) | too_long | text.str.contains(CONTROL_CHARACTERS)


def _has_impressions(rows: pl.DataFrame) -> bool:
    return rows[c.ITEMS].null_count() < rows.height


def _as_json(originals: pl.DataFrame) -> pl.Series:
    """One JSON object per row; of rows whose source rendered them already, that."""
    if originals.columns == [c.RAW]:
        return originals[c.RAW]
    if not originals.width:
        return pl.Series([], dtype=pl.String)
    return originals.select(pl.struct(pl.all()).struct.json_encode()).to_series()
