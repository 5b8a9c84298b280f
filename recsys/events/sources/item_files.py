"""What a file tells of items, as item updates."""

from datetime import UTC, date, datetime, time
from typing import Any, Final

import polars as pl
from pydantic import Field, model_validator

from recsys import columns as c
from recsys.events.model import MAX_ID_LENGTH
from recsys.events.raw import RAW, Filing, RawBatch
from recsys.events.schema import ITEM_UPDATES, TIME, filled
from recsys.events.sources.mapping import Told, as_published, columns_of, moments
from recsys.events.times import TimeForm, as_utc
from recsys.events.validation import CONTROL_CHARACTERS, first_reason
from recsys.types import Frozen

TRUE: Final = ("true", "1", "t", "yes", "y")
FALSE: Final = ("false", "0", "f", "no", "n")


class ItemColumns(Frozen):
    """Where the columns of an item update come from; what is left out is not told."""

    item_id: Told
    timestamp: str | None = None
    "None: all is known since the day ``items.since``."
    title: Told | None = None
    text: Told | None = None
    category: Told | None = None
    price: Told | None = None
    available: Told | None = None
    image: Told | None = None
    language: Told | None = None
    published_at: Told | None = None


class ItemParams(Frozen):
    """A file of items beside the file of events."""

    path: str
    columns: ItemColumns
    attributes: dict[str, Told] = Field(default_factory=dict)
    "Anything else, by the name it gets in attributes; or a list of columns that keep their names."
    since: date | None = None
    "UTC day since which the items are as the file says; for files that tell no time."

    @model_validator(mode="before")
    @classmethod
    def _a_list_keeps_names(cls, params: Any) -> Any:
        if isinstance(params, dict) and isinstance(params.get(c.ATTRIBUTES), list):
            return {**params, c.ATTRIBUTES: {name: name for name in params[c.ATTRIBUTES]}}
        return params

    @model_validator(mode="after")
    def _it_says_since_when(self) -> "ItemParams":
        if (self.columns.timestamp is None) == (self.since is None):
            raise ValueError("found neither or both of columns.timestamp and since, expected one of them")
        return self

    @property
    def required(self) -> tuple[str, ...]:
        """The columns that a file must have."""
        attributes = (told.column for told in self.attributes.values() if told.column)
        return tuple(dict.fromkeys((*columns_of(self.columns), *attributes)))


def items(
    params: ItemParams, times: TimeForm, sane: tuple[datetime, datetime], frame: pl.DataFrame, filing: Filing | None
) -> RawBatch:
    """The item updates that ``frame`` tells; its rows that make none are the batch's rows.

    Args:
        params: which column is which.
        times: how to read times.
        sane: from when until when a time is not absurd.
        frame: published columns, source_file and source_line.
        filing: where the file lies.
    """
    told = {name: told.text(frame) for name, told in params.columns if isinstance(told, Told)}
    rows = frame.select(c.SOURCE_FILE, c.SOURCE_LINE, pl.lit(None, pl.String).alias(c.REASON), **told)
    when = _since(params.since) if params.since else moments(frame, params.columns.timestamp or "", times)
    rows = rows.with_columns(when)
    numbers = {c.PRICE: pl.col(c.PRICE).cast(pl.Float64, strict=False), c.AVAILABLE: _as_boolean(pl.col(c.AVAILABLE))}
    read = rows.with_columns(**{name: number for name, number in numbers.items() if name in told})
    if c.PUBLISHED_AT in told:
        read = read.with_columns(as_utc(read[c.PUBLISHED_AT], times))
    typed = [name for name in (c.PRICE, c.AVAILABLE, c.PUBLISHED_AT) if name in told]
    unread = read.select(rows[name].is_not_null() & read[name].is_null() for name in typed)
    if params.attributes:
        read = read.with_columns(frame.select(c.SOURCE_LINE, _attributes(frame, params.attributes))[c.ATTRIBUTES])
    item, moment = pl.col(c.ITEM_ID), pl.col(c.TIMESTAMP)
    faults = [
        (
            item.is_null() | (item.str.len_chars() > MAX_ID_LENGTH) | item.str.contains(CONTROL_CHARACTERS),
            "bad_item_id",
        ),
        (moment.is_null(), "bad_item_timestamp"),
        (~moment.is_between(*sane, closed="left"), "absurd_item_timestamp"),
        *((pl.lit(unread[name]), f"bad_item_{name}") for name in unread.columns),
    ]
    judged = read.with_columns(first_reason(faults).alias(c.REASON))
    bad = judged[c.REASON].is_not_null()
    places = judged.filter(bad).select(c.SOURCE_FILE, c.SOURCE_LINE, c.REASON)
    return RawBatch(
        filled(places, RAW), as_published(frame.filter(bad)), filled(judged.filter(~bad), ITEM_UPDATES), filing=filing
    )


def _since(day: date) -> pl.Expr:
    return pl.lit(datetime.combine(day, time(), UTC), TIME).alias(c.TIMESTAMP)


def _as_boolean(text: pl.Expr) -> pl.Expr:
    word = text.str.to_lowercase()
    return pl.when(word.is_in(TRUE)).then(True).when(word.is_in(FALSE)).then(False)


def _attributes(frame: pl.DataFrame, told: dict[str, Told]) -> pl.Expr:
    """One JSON object per row, without what is null; null where nothing is left."""
    values = [
        (each.texts(frame) if each.separator else each.text(frame)).alias(name) for name, each in sorted(told.items())
    ]
    known = pl.any_horizontal(value.is_not_null() for value in values)
    return pl.when(known).then(pl.struct(values).struct.json_encode()).alias(c.ATTRIBUTES)
