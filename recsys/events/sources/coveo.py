"""Coveo's SIGIR eCom data challenge: a folder with browsing_train.csv, search_train.csv and sku_to_content.csv.

Browsing is what shoppers did: ``detail`` is a view, ``add`` a cart; purchase, remove and click keep their names; a page
view without a product is set aside as ``no_item``. A search is an impression of the products found, and as many clicks,
at the same time; a search that found nothing is set aside as ``no_item``. A user is a session: nobody is followed any
longer. Rows have no id: those that agree in session, time, product and action are one, as are searches that agree in
session, time, query and products.

Source: J. Tagliabue et al., SIGIR 2021 E-Commerce Workshop Data Challenge, arXiv:2104.09423.
"""

import hashlib
from collections.abc import Iterator
from datetime import date, datetime
from functools import cached_property
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.events.lines import TextForm
from recsys.events.raw import RawBatch
from recsys.events.schema import TIME
from recsys.events.sources.coveo_content import read_content
from recsys.events.sources.source import DayRange, Surroundings
from recsys.events.sources.unfiled import LINE, Unfiled, midnight, reach, the_file
from recsys.events.validation import BAD_ITEMS
from recsys.types import Frozen

SESSION: Final = "session_id_hash"
ACTION: Final = "product_action"
SKU: Final = "product_sku_hash"
WHEN: Final = "server_timestamp_epoch_ms"
QUERY: Final = "query_vector"
CLICKED: Final = "clicked_skus_hash"
SHOWN: Final = "product_skus_hash"
BROWSING: Final = TextForm(forms=((SESSION, "event_type", ACTION, SKU, WHEN, "hashed_url"),))
SEARCH: Final = TextForm(forms=((SESSION, QUERY, CLICKED, SHOWN, WHEN),))

NO_ITEM: Final = "no_item"
EVENT_TYPES: Final = {"detail": "view", "add": "cart"}

MILLISECONDS: Final = pl.col(WHEN).cast(pl.Int64, strict=False)
MOMENT: Final = (
    pl.when(MILLISECONDS.is_between(0, 10**14))
    .then(MILLISECONDS)
    .cast(pl.Datetime("ms"))
    .dt.replace_time_zone("UTC")
    .cast(TIME)
)
LIST: Final = r"^\[(?:'[^']*'(?:, '[^']*')*)?\]$"
"How a list of products is written: ['a', 'b']."


class CoveoParams(Frozen):
    """Where the files lie."""

    path: str
    "Folder, or s3://bucket/prefix, of the published files."


class Coveo:
    """Sessions of an online shop. The products are known from the first day on: nobody said since when."""

    filed = False

    def __init__(self, params: CoveoParams, surroundings: Surroundings) -> None:
        self._folder = params.path
        self._surroundings = surroundings

    def days(self) -> DayRange:
        return DayRange(*self._reach)

    def read(self, start: datetime, end: datetime) -> Iterator[RawBatch]:
        for events in self._events:
            yield from events.read(start, end, self._surroundings)
        known_from = midnight(self._reach[0])
        content = the_file(self._folder, "sku_to_content.csv", self._surroundings)
        yield from read_content(content, known_from, wanted=start <= known_from < end)

    @cached_property
    def _reach(self) -> tuple[date, date]:
        return reach(self._events, self._surroundings)

    @cached_property
    def _events(self) -> tuple[Unfiled, Unfiled]:
        browsing, search = (
            the_file(self._folder, name, self._surroundings) for name in ("browsing_train.csv", "search_train.csv")
        )
        return Unfiled(browsing, BROWSING, MOMENT, _browsed), Unfiled(search, SEARCH, MOMENT, _searched)


def _browsed(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.select(
        pl.concat_str(SESSION, WHEN, SKU, ACTION, separator="/", ignore_nulls=True).alias(c.EVENT_ID),
        pl.col(SESSION).alias(c.USER_ID),
        pl.col(SKU).alias(c.ITEM_ID),
        pl.col(ACTION).replace(EVENT_TYPES).alias(c.EVENT_TYPE),
        c.TIMESTAMP,
        pl.col(SESSION).alias(c.SESSION_ID),
        pl.when(pl.col(ACTION).is_null() & pl.col(SKU).is_null()).then(pl.lit(NO_ITEM)).alias(c.REASON),
        c.SOURCE_FILE,
        c.SOURCE_LINE,
        LINE,
    )


def _searched(lines: pl.DataFrame) -> pl.DataFrame:
    """An impression per line, followed by its clicks."""
    digests = [_digest(query, shown) for query, shown in lines.select(QUERY, SHOWN).iter_rows()]
    faults = [
        (pl.col(SHOWN).is_null(), NO_ITEM),
        (~pl.col(SHOWN).str.contains(LIST), BAD_ITEMS),
        (~pl.col(CLICKED).str.contains(LIST), BAD_ITEMS),
    ]
    known = lines.with_columns(
        pl.concat_str(pl.lit("search"), SESSION, WHEN, pl.Series(digests, dtype=pl.String), separator="/").alias(
            c.REQUEST_ID
        ),
        _listed(SHOWN).alias(c.ITEMS),
        _listed(CLICKED).alias(c.ITEM_ID),
        pl.col(SESSION).alias(c.USER_ID),
        pl.col(SESSION).alias(c.SESSION_ID),
        pl.coalesce(pl.when(fault).then(pl.lit(reason)) for fault, reason in faults).alias(c.REASON),
    )
    place = [c.USER_ID, c.SESSION_ID, c.TIMESTAMP, c.REQUEST_ID, c.SOURCE_FILE, c.SOURCE_LINE, LINE]
    impressions = known.select(pl.col(c.REQUEST_ID).alias(c.EVENT_ID), c.ITEMS, c.REASON, *place)
    clicks = (
        known.explode(c.ITEM_ID)
        .drop_nulls(c.ITEM_ID)
        .select(
            pl.concat_str(c.REQUEST_ID, c.ITEM_ID, separator="/").alias(c.EVENT_ID),
            c.ITEM_ID,
            pl.lit("click").alias(c.EVENT_TYPE),
            *place,
        )
    )
    return pl.concat([impressions, clicks], how="diagonal").sort(LINE, maintain_order=True)


def _listed(column: str) -> pl.Expr:
    """The products of a list, in order; none where the cell is empty or is no list."""
    products = pl.col(column).str.extract_all("'[^']*'").list.eval(pl.element().str.strip_chars("'"))
    return pl.when(pl.col(column).str.contains(LIST)).then(products).otherwise(pl.lit([], pl.List(pl.String)))


def _digest(query: str | None, shown: str | None) -> str:
    return hashlib.blake2b(f"{query}\0{shown}".encode(), digest_size=8).hexdigest()
