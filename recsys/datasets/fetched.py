"""What content APIs answered: raw data of its own, kept as it came, in objects that are never changed.

Layout: ``fetched/<site>/<UTC day of fetching>/<sha256>.parquet``. An object holds some answers and some refusals, so
one write keeps both: who is killed between two writes has lost at most what was asked since the last one, and nothing
stands half.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.datasets.blobs import Blobs
from recsys.events.fetching.outcomes import FETCHED
from recsys.events.schema import ITEM_UPDATES, require
from recsys.types import SiteId

TELLS: Final = pl.col(c.REASON).is_null() | pl.col(c.AVAILABLE).is_not_null()
"Whether an outcome is an update of its item: it told something, or a rule left it out."
OPEN: Final = "9999-12-31"
"""The last day there is."""


@dataclass(frozen=True)
class FetchedItems:
    """The answers of one site's content API."""

    blobs: Blobs
    site: SiteId

    def land(self, outcomes: pl.DataFrame) -> list[str]:
        """Keeps outcomes (schema FETCHED) under the days of their timestamps; returns the keys.

        The same outcomes again, in any order, change nothing.
        """
        rows = require(outcomes, FETCHED, name="fetched").sort(c.ITEM_ID, c.TIMESTAMP, nulls_last=True)
        days = rows.group_by(pl.col(c.TIMESTAMP).dt.date(), maintain_order=True)
        return [self._put(day, part) for (day,), part in days]

    def scan(self, first: date | None = None, last: date | None = None) -> pl.LazyFrame:
        """The outcomes of the UTC days from ``first`` to ``last``, both included; None is open. Schema FETCHED."""
        low, high = first.isoformat() if first else "", last.isoformat() if last else OPEN
        places = [self.blobs.location(key) for key in self.blobs.list(self._folder()) if low <= _day(key) <= high]
        if not places:
            return pl.LazyFrame(schema=FETCHED)
        return pl.scan_parquet(
            places,
            schema=FETCHED,
            missing_columns="insert",
            storage_options=self.blobs.storage_options,
            hive_partitioning=False,
            glob=False,
        )

    def between(self, start: datetime, end: datetime) -> pl.DataFrame:
        """The outcomes of what was asked from ``start`` until ``end`` (exclusive), in order of time; schema FETCHED."""
        first, last = (moment.astimezone(UTC).date() for moment in (start, end))
        inside = self.scan(first, last).filter(pl.col(c.TIMESTAMP) >= start, pl.col(c.TIMESTAMP) < end)
        return inside.collect().sort(c.TIMESTAMP, c.ITEM_ID)

    def updates(self, start: datetime, end: datetime) -> pl.DataFrame:
        """What became known of items by asking, from ``start`` until ``end`` (exclusive); schema ITEM_UPDATES."""
        return self.between(start, end).filter(TELLS).select(ITEM_UPDATES.names())

    def _put(self, day: date, rows: pl.DataFrame) -> str:
        buffer = BytesIO()
        rows.write_parquet(buffer, compression="zstd", statistics=True)
        content = buffer.getvalue()
        key = f"{self._folder()}{day.isoformat()}/{hashlib.sha256(content).hexdigest()}.parquet"
        self.blobs.put(key, content)
        return key

    def _folder(self) -> str:
        return f"fetched/{self.site}/"


def _day(key: str) -> str:
    return key.split("/")[2]
