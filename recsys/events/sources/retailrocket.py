"""RetailRocket: a folder with ``events.csv`` and, where present, item properties, as published.

Two published forms of the events are known by their header: the collapsed one (seconds; visitor, event, item) and the
raw one (milliseconds; visitorid, event, itemid, transactionid), the latter also with a readable time at the end. Rows
that agree in all of these have one event_id. ``addtocart`` is cart, ``transaction`` is purchase; other names are taken
as they are, for the site's list of interactions to refuse.

Of ``item_properties_part*.csv`` the properties ``categoryid`` and ``available`` are read; all others are hashed by the
publisher. Category is the categoryid itself; its path to the root of ``category_tree.csv`` is among the attributes.

Source: R. Zykov, N. Artem, A. Anokhin, Retailrocket recommender system dataset, Kaggle, 2017.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cached_property
from pathlib import Path
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.errors import SourceError
from recsys.events.lines import CsvLines, read_csv_lines
from recsys.events.raw import RAW, RawBatch, SourceFile, rejected
from recsys.events.schema import TIME, filled
from recsys.events.sources.retailrocket_categories import read_categories
from recsys.events.sources.retailrocket_properties import read_properties
from recsys.events.sources.source import DayRange, Surroundings
from recsys.types import Frozen

EVENT_TYPES: Final = {"view": "view", "addtocart": "cart", "transaction": "purchase"}


@dataclass(frozen=True)
class Form:
    """One published form of the events file."""

    header: tuple[str, ...]
    user: str
    item: str
    transaction: str | None
    time_unit: str

    @property
    def moment(self) -> pl.Expr:
        """The row's time; null where it is no whole number, or beyond what a date can say."""
        number = pl.col(self.header[0]).cast(pl.Int64, strict=False)
        per_second = 1_000 if self.time_unit == "ms" else 1
        bounded = pl.when(number.is_between(-(10**11), 10**11 * per_second)).then(number)
        return (bounded * (1_000_000 // per_second)).cast(pl.Datetime("us")).dt.replace_time_zone("UTC").cast(TIME)


COLLAPSED: Final = Form(("timestamp", "visitor", "event", "item"), "visitor", "item", None, "s")
RAW_HEADER: Final = ("timestamp", "visitorid", "event", "itemid", "transactionid")
PUBLISHED: Final = Form(RAW_HEADER, "visitorid", "itemid", "transactionid", "ms")
SAMPLED: Final = Form((*RAW_HEADER, "datetime"), "visitorid", "itemid", "transactionid", "ms")
FORMS: Final = {form.header: form for form in (COLLAPSED, PUBLISHED, SAMPLED)}


class RetailRocketParams(Frozen):
    """Where the files lie."""

    path: Path
    "Folder of the published files."
    events: str = "events.csv"
    "Name of the events file in that folder."


class RetailRocket:
    """Views, carts and purchases of an online shop. The file holds many days; it is read as a whole, once."""

    filed = False

    def __init__(self, params: RetailRocketParams, surroundings: Surroundings) -> None:
        self._folder = params.path
        self._events = params.events
        self._line_pattern = surroundings.quality.line_pattern
        self._earliest = date.fromisoformat(surroundings.quality.earliest)
        self._latest = date.fromisoformat(surroundings.quality.latest)

    def days(self) -> DayRange:
        rows, _ = self._read
        days = rows[c.TIMESTAMP].dt.date()
        sane = days.filter((days >= self._earliest) & (days < self._latest)).sort()
        if sane.is_empty():
            raise SourceError(
                f"{self._folder / self._events}: found no row with a time from {self._earliest} until {self._latest}; "
                "correct quality.earliest and quality.latest in the site's YAML, or fetch the file again"
            )
        return DayRange(sane[0], sane[-1])

    def read(self, start: datetime, end: datetime) -> Iterator[RawBatch]:
        rows, lines = self._read
        updates, bad_properties, property_files = self._properties
        wanted = pl.col(c.TIMESTAMP).is_between(start, end, closed="left")
        dated = pl.col(c.TIMESTAMP).is_between(_midnight(self._earliest), _midnight(self._latest), closed="left")
        asked = rows.select(wanted | dated.not_().fill_null(True)).to_series()
        file = SourceFile(name=self._events, rows=lines.height, sha256=lines.sha256)
        yield rejected(lines.rejected)
        yield rejected(bad_properties)
        yield RawBatch(
            rows=rows.filter(asked),
            originals=lines.rows.drop(c.SOURCE_FILE, c.SOURCE_LINE).filter(asked),
            item_updates=updates.filter(wanted),
            files=(file, *property_files),
        )

    @cached_property
    def _properties(self) -> tuple[pl.DataFrame, pl.DataFrame, tuple[SourceFile, ...]]:
        paths, bad_categories, tree = read_categories(self._folder)
        updates, bad, files = read_properties(self._folder, paths)
        return updates, pl.concat([bad, bad_categories]), (*files, *tree)

    @cached_property
    def _read(self) -> tuple[pl.DataFrame, CsvLines]:
        """Every row of the events file (schema RAW), and the lines themselves."""
        if not self._folder.is_dir():
            raise SourceError(
                f"found no folder {self._folder}; expected the one with {self._events}. "
                "Correct source.params.path in the site's YAML"
            )
        lines = read_csv_lines(self._folder / self._events, forms=list(FORMS), pattern=self._line_pattern)
        header = tuple(lines.rows.columns[: -len((c.SOURCE_FILE, c.SOURCE_LINE))])
        return _as_raw(lines.rows, FORMS[header]), lines


def _as_raw(lines: pl.DataFrame, form: Form) -> pl.DataFrame:
    named = [column for column in (form.header[0], form.user, "event", form.item, form.transaction) if column]
    identity = pl.concat_str(named, separator="/", ignore_nulls=True)
    rows = lines.select(
        identity.alias(c.EVENT_ID),
        pl.col(form.user).alias(c.USER_ID),
        pl.col(form.item).alias(c.ITEM_ID),
        pl.col("event").replace(EVENT_TYPES).alias(c.EVENT_TYPE),
        form.moment.alias(c.TIMESTAMP),
        c.SOURCE_FILE,
        c.SOURCE_LINE,
    )
    return filled(rows, RAW)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
