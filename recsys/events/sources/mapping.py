"""Which column of a file is which of ours, and rows of the file as raw rows."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from recsys import columns as c
from recsys.events.model import MAX_ID_LENGTH
from recsys.events.raw import RAW, Filing, RawBatch
from recsys.events.schema import filled
from recsys.events.times import TimeForm, as_utc
from recsys.events.validation import BAD_VALUE
from recsys.types import Frozen

if TYPE_CHECKING:
    from polars._typing import PolarsDataType

WRITTEN: Final = "\n"
"Column of a frame with the whole row as it is written, one JSON object; no published name has a line break."
ANSWERS: Final = "answers"
"request_id of the impression that the same row tells."
ESCAPES: Final = {chr(code): f"%{code:02X}" for code in (*range(0x20), 0x7F, ord("%"), ord("/"))}
"Within a made event_id: a slash stands between its parts, and an id has no control characters."
APART: Final = "\n"
"Before the name of a column of ``distinct_by``."
SHOWN: Final = "impression"
"Stands in the made event_id of an impression where an interaction's has its type."


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Told:
    """Where one of our columns comes from: a column of the file, or always the same."""

    column: str | None = None
    constant: str | float | None = None
    map: Mapping[str, str] = Field(default_factory=dict)
    "Values of the file that have other names here; all others stay as they are."
    separator: str | None = None
    "What stands between the parts of a list that is written as one text."

    @model_validator(mode="before")
    @classmethod
    def _a_name_is_a_column(cls, told: Any) -> Any:
        return {"column": told} if isinstance(told, str) else told

    @model_validator(mode="after")
    def _one_of_both(self) -> "Told":
        if (self.column is None) == (self.constant is None):
            raise ValueError("found neither or both of column and constant, expected one of them")
        return self

    def text(self, frame: pl.DataFrame) -> pl.Expr:
        """As text; null where the file has no such column."""
        if self.column is None:
            return pl.lit(str(self.constant))
        if self.column not in frame.schema:
            return pl.lit(None, pl.String)
        text = as_text(pl.col(self.column), frame.schema[self.column])
        return text.replace(dict(self.map)) if self.map else text

    def texts(self, frame: pl.DataFrame) -> pl.Expr:
        """As a list of texts, null where there is none."""
        column = self.column or ""
        kind = frame.schema.get(column)
        if isinstance(kind, pl.List):
            return pl.col(column).list.eval(as_text(pl.element(), kind.inner))
        text = self.text(frame)
        return text.str.split(self.separator) if self.separator else text.cast(pl.List(pl.String))


class EventColumns(Frozen):
    """Where the columns of an event come from.

    A row with ``items`` is an impression, and an interaction besides when it names an item too; every other row is an
    interaction.
    """

    user_id: Told
    timestamp: str
    item_id: Told | None = None
    event_type: Told | None = None
    event_id: Told | None = None
    "None: made of user, item, type and time, and of ``distinct_by``; rows that agree in them are the same event."
    distinct_by: tuple[str, ...] = ()
    "Columns of the file that tell events apart that agree in user, item, type and time."
    value: Told | None = None
    session_id: Told | None = None
    request_id: Told | None = None
    items: Told | None = None
    "The items of an impression, in the order shown."

    @model_validator(mode="after")
    def _it_says_what_happened(self) -> "EventColumns":
        if (self.item_id is None) != (self.event_type is None) or (self.item_id is None and self.items is None):
            raise ValueError("expected item_id and event_type for interactions, items for impressions, or all three")
        return self

    @property
    def required(self) -> tuple[str, ...]:
        """The columns that a file must have."""
        return columns_of(self)


def columns_of(mapping: Frozen) -> tuple[str, ...]:
    """The file's columns that are named, each once."""
    told = (each for _, value in mapping for each in (value if isinstance(value, tuple) else [value]))
    named = (each.column if isinstance(each, Told) else each for each in told)
    return tuple(dict.fromkeys(name for name in named if isinstance(name, str)))


def as_text(column: pl.Expr, kind: "PolarsDataType") -> pl.Expr:
    """As text; a whole number has no decimals, whatever its type."""
    if kind == pl.String:
        return column
    if kind.is_float():
        whole = (column == column.floor()) & (column.abs() < 2**53)
        return (
            pl.when(whole).then(column.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(column.cast(pl.String))
        )
    return column.cast(pl.String, strict=False)


def events(columns: EventColumns, times: TimeForm, frame: pl.DataFrame, filing: Filing | None) -> RawBatch:
    """The rows that ``frame`` tells: interactions in its order, then impressions.

    Args:
        columns: which is which.
        times: how to read times.
        frame: published columns, source_file and source_line.
        filing: where the file lies.
    """
    told = {name: told.text(frame) for name, told in columns if isinstance(told, Told) and name != c.ITEMS}
    shown = {c.ITEMS: columns.items.texts(frame)} if columns.items else {}
    where = [c.SOURCE_FILE, c.SOURCE_LINE]
    apart = {f"{APART}{name}": Told(column=name).text(frame) for name in columns.distinct_by}
    rows = frame.select(*where, **told, **shown, **apart).with_columns(moments(frame, columns.timestamp, times))
    if columns.value:
        number = pl.col(c.VALUE).cast(pl.Float64, strict=False)
        unread = number.is_null() & pl.col(c.VALUE).is_not_null()
        rows = rows.with_columns(number, pl.when(unread).then(pl.lit(BAD_VALUE)).alias(c.REASON))
    if columns.items is None:
        return RawBatch(_interactions(rows, columns), as_published(frame), filing=filing)
    is_shown = pl.col(c.ITEMS).is_not_null()
    impressions = _impressions(rows.filter(is_shown), columns)
    acted = rows.select(~is_shown | (pl.col(c.ITEM_ID).is_not_null() if columns.item_id else False)).to_series()
    answered = rows.join(
        impressions.select(*where, pl.col(c.REQUEST_ID).alias(ANSWERS)), on=where, how="left", maintain_order="left"
    ).filter(acted)
    answering = pl.coalesce(c.REQUEST_ID, ANSWERS) if columns.request_id else pl.col(ANSWERS)
    interactions = _interactions(answered.with_columns(answering.alias(c.REQUEST_ID)), columns)
    return RawBatch(
        rows=pl.concat([interactions, impressions]),
        originals=as_published(pl.concat([frame.filter(acted), frame.filter(rows[c.ITEMS].is_not_null())])),
        filing=filing,
    )


def as_published(frame: pl.DataFrame) -> pl.DataFrame:
    """What a person sees of these rows."""
    if WRITTEN in frame.columns:
        return frame.select(pl.col(WRITTEN).alias(c.RAW))
    return frame.drop(c.SOURCE_FILE, c.SOURCE_LINE)


def moments(frame: pl.DataFrame, column: str, times: TimeForm) -> pl.Series:
    """The column of times, as timestamp; null where the file has none."""
    told = (
        frame[column] if column in frame.schema else pl.Series([None], dtype=pl.String).new_from_index(0, frame.height)
    )
    return as_utc(told, times).alias(c.TIMESTAMP)


def identity(frame: pl.DataFrame, names: Sequence[str]) -> pl.Series:
    """One text per row, the same where the rows agree in ``names`` and nowhere else; never longer than an id may be.

    Nulls are like empty texts.
    """
    parts = [_escaped(frame[name]) for name in names]
    ids = pl.select(pl.concat_str([part.fill_null("") for part in parts], separator="/")).to_series()
    long = ids.str.len_bytes() > MAX_ID_LENGTH
    if long.any():
        hashed = [hashlib.sha256(text.encode()).hexdigest() for text in ids.filter(long)]
        ids = ids.scatter(long.arg_true(), hashed)
    return ids


def _escaped(part: pl.Series) -> pl.Series:
    if part.dtype == pl.List(pl.String):
        return part.list.eval(pl.element().str.replace_many(ESCAPES)).list.join("/")
    if part.dtype != pl.String:
        return part.dt.epoch("us").cast(pl.String)
    if not part.str.contains(r"[%/\x00-\x1f\x7f]").any():
        return part
    return part.str.replace_many(ESCAPES)


def _interactions(rows: pl.DataFrame, columns: EventColumns) -> pl.DataFrame:
    names = (c.USER_ID, c.ITEM_ID, c.EVENT_TYPE, c.TIMESTAMP, *(f"{APART}{name}" for name in columns.distinct_by))
    made = {} if columns.event_id else {c.EVENT_ID: identity(rows, names)}
    return filled(rows.with_columns(**made, **_nothing(c.ITEMS)), RAW)


def _impressions(rows: pl.DataFrame, columns: EventColumns) -> pl.DataFrame:
    if columns.event_id and columns.item_id:
        ids = rows.select(pl.col(c.EVENT_ID) + "/" + SHOWN).to_series()
    elif columns.event_id:
        ids = rows[c.EVENT_ID]
    else:
        kind = rows.with_columns(pl.lit(SHOWN).alias(c.EVENT_TYPE))
        ids = identity(kind, (c.USER_ID, c.EVENT_TYPE, c.TIMESTAMP, c.ITEMS))
    request = pl.coalesce(c.REQUEST_ID, ids) if columns.request_id else ids
    return filled(
        rows.with_columns(
            ids.alias(c.EVENT_ID), request.alias(c.REQUEST_ID), **_nothing(c.ITEM_ID, c.EVENT_TYPE, c.VALUE, c.REASON)
        ),
        RAW,
    )


def _nothing(*names: str) -> Mapping[str, pl.Expr]:
    return {name: pl.lit(None, RAW[name]) for name in names}
