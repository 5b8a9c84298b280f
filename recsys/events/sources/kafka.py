"""A topic of Kafka, as far as it has landed: ``recsys stream`` brings the messages, this reads them.

Each message is one row, in the file in which it landed; the quarantine shows its offset and its text.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.errors import SourceError
from recsys.events.files import RawFile, find
from recsys.events.raw import RawBatch, SourceFile
from recsys.events.sources.source import DayRange, Surroundings
from recsys.events.stream.landed import MESSAGES, Landed, folder, owned
from recsys.events.stream.params import KafkaParams, sane_times
from recsys.events.stream.told import Told, split, tell

ROWS_AT_ONCE: Final = 200_000


class KafkaTopic:
    """The landed messages of one topic."""

    filed = True

    def __init__(self, params: KafkaParams, surroundings: Surroundings) -> None:
        self._params = params
        self._settings = surroundings.settings
        self._rules = sane_times(surroundings.quality)
        self._told_by = params.told_by(surroundings.quality)
        self._folder = f"{self._settings.data_url.rstrip('/')}/{folder(surroundings.site, params.topic)}"

    def days(self) -> DayRange:
        """From the first day of which a message landed; a stream has no end."""
        days = [file.days.days[0] for file in self._files() if file.days.days]
        return DayRange(min(days, default=None), None)

    def read(self, start: datetime, end: datetime) -> Iterator[RawBatch]:
        first, last = start.date(), (end - timedelta(microseconds=1)).date()
        landed = self._files()
        waiting: list[tuple[Told, SourceFile]] = []
        for name, offset in owned(landed):
            if name.may_touch(first, last, told_by=self._told_by):
                waiting.append(self._read(name, landed[name], offset))
            if sum(file.rows for _, file in waiting) >= ROWS_AT_ONCE:
                yield _batch(waiting)
                waiting = []
        if waiting:
            yield _batch(waiting)

    def _files(self) -> Mapping[Landed, RawFile]:
        try:
            found = find(f"{self._folder}/*/*.parquet", self._settings)
        except SourceError:  # nothing has landed yet
            return {}
        named = {Landed.named(file.name): file for file in found}
        return {landed: file for landed, file in named.items() if landed}

    def _read(self, name: Landed, file: RawFile, offset: int) -> tuple[Told, SourceFile]:
        """What the messages of one file tell, from ``offset`` on."""
        source_file = f"{self._params.topic}/{name.name}"
        with file.open_stored() as stored:
            try:
                messages = pl.read_parquet(stored.read(), columns=MESSAGES.names())
            except pl.exceptions.PolarsError as fault:
                raise SourceError(
                    f"{file.location}: found {fault}, expected messages as they landed. Move the file away, then run "
                    f"recsys stream --from-offset {name.first} while the topic still has them"
                ) from None
        located = messages.with_columns(
            pl.lit(source_file).alias(c.SOURCE_FILE), pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(c.SOURCE_LINE)
        )
        told = split(tell(located.filter(pl.col(c.OFFSET) >= offset), self._params.form, self._rules))
        certain = name.told_by == self._told_by and name.days.exact and not name.days.undated
        only_day = name.days.days[0] if certain and len(name.days.days) == 1 else None
        return told, SourceFile(name=source_file, rows=told.rows.height, sha256=file.sha256, day=only_day)


def _batch(read: list[tuple[Told, SourceFile]]) -> RawBatch:
    return RawBatch(
        rows=pl.concat(told.rows for told, _ in read),
        originals=pl.concat(told.originals for told, _ in read),
        item_updates=pl.concat(told.item_updates for told, _ in read),
        files=tuple(file for _, file in read),
    )
