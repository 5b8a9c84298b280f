"""What content APIs answered: raw data of its own, kept as it came, in objects that are never changed.

Layout: ``fetched/<site>/<UTC day of fetching>/<sha256>.parquet``. An object holds some answers and some refusals, so
one write keeps both: who is killed between two writes has lost at most what was asked since the last one, and nothing
stands half.
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.datasets.blobs import Blobs
from recsys.events.schema import ITEM_UPDATES, require
from recsys.types import SiteId

FETCHED: Final = pl.Schema({**ITEM_UPDATES, c.REASON: pl.String(), c.DETAIL: pl.String(), c.LASTING: pl.Boolean()})
"""One row per item asked for: what it told at ``timestamp``, or why it told nothing.

``reason`` is null where the answer was good. Otherwise the properties are null, but ``available`` is false for an item
that a rule of the site excludes. ``lasting`` says whether asking again soon would give the same.
"""

READERS: Final = 16
"Objects read at once."
MOMENT: Final = timedelta(microseconds=1)


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

    def between(self, start: datetime, end: datetime) -> pl.DataFrame:
        """The outcomes of what was asked from ``start`` until ``end`` (exclusive), in order of time; schema FETCHED."""
        if start >= end:
            return pl.DataFrame(schema=FETCHED)
        first, last = (moment.astimezone(UTC).date().isoformat() for moment in (start, end - MOMENT))
        keys = [key for key in self.blobs.list(self._folder()) if first <= key.split("/")[2] <= last]
        with ThreadPoolExecutor(READERS) as readers:
            parts = [pl.read_parquet(BytesIO(content)) for content in readers.map(self.blobs.get, keys)]
        found = pl.concat([pl.DataFrame(schema=FETCHED), *parts])
        inside = found.filter(pl.col(c.TIMESTAMP) >= start, pl.col(c.TIMESTAMP) < end)
        return inside.sort(c.TIMESTAMP, c.ITEM_ID)

    def updates(self, start: datetime, end: datetime) -> pl.DataFrame:
        """What became known of items by asking, from ``start`` until ``end`` (exclusive); schema ITEM_UPDATES."""
        told = pl.col(c.REASON).is_null() | pl.col(c.AVAILABLE).is_not_null()
        return self.between(start, end).filter(told).select(ITEM_UPDATES.names())

    def _put(self, day: date, rows: pl.DataFrame) -> str:
        buffer = BytesIO()
        rows.write_parquet(buffer, compression="zstd", statistics=True)
        content = buffer.getvalue()
        key = f"{self._folder()}{day.isoformat()}/{hashlib.sha256(content).hexdigest()}.parquet"
        self.blobs.put(key, content)
        return key

    def _folder(self) -> str:
        return f"fetched/{self.site}/"
