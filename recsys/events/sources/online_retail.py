"""UCI Online Retail: a folder with one CSV a day, ``YYYY-MM-DD.csv``, as published.

A row is a line of an invoice. The interaction is a purchase: value is quantity × price in pounds, session_id the
invoice. The published times have no zone and are read as UTC, so that a file is one UTC day. Rows that agree in
invoice, code, quantity, price and minute have one event_id: the published files repeat some lines, and a repeated line
counts once.

Source: D. Chen, Online Retail, UCI Machine Learning Repository, 2015, doi:10.24432/C5BW33.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.errors import SourceError
from recsys.events.lines import read_csv_lines
from recsys.events.raw import NO_BATCH, RAW, Filing, RawBatch, SourceFile, rejected
from recsys.events.schema import ITEM_UPDATES, TIME, filled
from recsys.events.sources.source import DayRange, Surroundings
from recsys.events.validation import first_reason
from recsys.types import Frozen

INVOICE: Final = "InvoiceNo"
CODE: Final = "StockCode"
DESCRIPTION: Final = "Description"
QUANTITY: Final = "Quantity"
DATE: Final = "InvoiceDate"
UNIT_PRICE: Final = "UnitPrice"
CUSTOMER: Final = "CustomerID"
COUNTRY: Final = "Country"
HEADER: Final = (INVOICE, CODE, DESCRIPTION, QUANTITY, DATE, UNIT_PRICE, CUSTOMER, COUNTRY)

PRODUCT_CODE: Final = r"^[0-9]{5}[A-Za-z]*$"
"Five digits, perhaps letters for the variant. Others are postage, fees, samples, vouchers, corrections by hand."

AMOUNT: Final = pl.col(QUANTITY).cast(pl.Float64, strict=False)
PRICE: Final = pl.col(UNIT_PRICE).cast(pl.Float64, strict=False)


class OnlineRetailParams(Frozen):
    """Where the files lie."""

    path: Path
    "Folder with one YYYY-MM-DD.csv per day."


class OnlineRetail:
    """Purchases of a wholesaler for gifts; days without a file had no trade."""

    filed = True

    def __init__(self, params: OnlineRetailParams, surroundings: Surroundings) -> None:
        self._folder = params.path
        self._line_pattern = surroundings.quality.line_pattern

    def days(self) -> DayRange:
        files = self._files()
        return DayRange(min(files), max(files))

    def read(self, start: datetime, end: datetime) -> Iterator[RawBatch]:
        for day, file in self._files().items():
            filing = Filing.on(day)
            if filing.end <= start or filing.start >= end:
                continue
            try:
                lines = read_csv_lines(file, forms=[HEADER], pattern=self._line_pattern)
            except SourceError as fault:
                yield replace(NO_BATCH, filing=filing, unreadable=str(fault))
                continue
            invoice_lines = _judged(lines.rows)
            yield rejected(lines.rejected, filing=filing)
            yield RawBatch(
                rows=_as_raw(invoice_lines),
                originals=invoice_lines.select(HEADER),
                item_updates=_item_updates(invoice_lines, day),
                files=(SourceFile(name=file.name, rows=lines.height, sha256=lines.sha256, day=day),),
                filing=filing,
            )

    def _files(self) -> dict[date, Path]:
        """The files by their day, in order."""
        if not self._folder.is_dir():
            raise SourceError(
                f"found no folder {self._folder}; expected the one with the daily files of Online Retail. "
                "Correct source.params.path in the site's YAML"
            )
        files = {file.stem: file for file in sorted(self._folder.glob("*.csv"))}
        strays = [name for name in files if not _is_day(name)]
        if strays or not files:
            raise SourceError(
                f"{self._folder}: found {', '.join(f'{name}.csv' for name in strays[:5]) or 'no CSV file'}, expected "
                "files named by their day, such as 2010-12-01.csv; rename or move the others, so that no row is missed"
            )
        return {date.fromisoformat(name): file for name, file in files.items()}


def _is_day(name: str) -> bool:
    try:
        return date.fromisoformat(name).isoformat() == name
    except ValueError:
        return False


def _judged(lines: pl.DataFrame) -> pl.DataFrame:
    """The published lines with ``timestamp``, and in ``reason`` why a line is no purchase."""
    quantity_faults = [(AMOUNT.is_null(), "bad_quantity"), (AMOUNT <= 0, "non_positive_quantity")]
    price_faults = [(PRICE.is_null(), "bad_price"), (PRICE <= 0, "non_positive_price")]
    faults = [
        (pl.col(INVOICE).is_null(), "missing_invoice"),
        (pl.col(INVOICE).str.starts_with("C"), "cancellation"),
        (~pl.col(CODE).fill_null("").str.contains(PRODUCT_CODE), "non_product_code"),
        *quantity_faults,
        *price_faults,
        (pl.col(CUSTOMER).is_null(), "missing_customer"),
    ]
    moment = pl.col(DATE).str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False).dt.replace_time_zone("UTC").cast(TIME)
    return lines.with_columns(pl.lit(None, pl.String).alias(c.REASON), moment.alias(c.TIMESTAMP)).with_columns(
        first_reason(faults).alias(c.REASON)
    )


def _as_raw(lines: pl.DataFrame) -> pl.DataFrame:
    """Judged lines in the schema RAW."""
    identity = pl.concat_str([INVOICE, CODE, QUANTITY, UNIT_PRICE, pl.col(DATE).str.replace(" ", "T")], separator="/")
    rows = lines.select(
        identity.alias(c.EVENT_ID),
        pl.col(CUSTOMER).str.replace(r"\.0$", "").alias(c.USER_ID),
        pl.col(CODE).alias(c.ITEM_ID),
        pl.lit("purchase").alias(c.EVENT_TYPE),
        c.TIMESTAMP,
        (AMOUNT * PRICE).round(2).alias(c.VALUE),
        pl.col(INVOICE).alias(c.SESSION_ID),
        c.SOURCE_FILE,
        c.SOURCE_LINE,
        c.REASON,
    )
    return filled(rows, RAW)


def _item_updates(lines: pl.DataFrame, day: date) -> pl.DataFrame:
    """Title and price whenever they changed within the day, from lines that sold a product, whoever bought it."""
    sold = lines.filter(
        pl.col(c.REASON).is_null() | (pl.col(c.REASON) == "missing_customer"), pl.col(c.TIMESTAMP).dt.date() == day
    )
    said = sold.sort(c.TIMESTAMP, c.SOURCE_LINE).select(
        pl.col(CODE).alias(c.ITEM_ID),
        c.TIMESTAMP,
        pl.col(DESCRIPTION).str.strip_chars().alias(c.TITLE),
        PRICE.alias(c.PRICE),
    )
    last_said = said.unique([c.ITEM_ID, c.TIMESTAMP], keep="last", maintain_order=True)
    told = pl.struct(c.TITLE, c.PRICE)
    changed = (told != told.shift(1).over(c.ITEM_ID)).fill_null(True)
    return filled(last_said.filter(changed), ITEM_UPDATES)
