"""The way of raw rows into partitions: read, checked, laid on the shelf, judged, committed."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Final

import polars as pl
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from recsys import columns as c
from recsys.datasets.manifest import Partition
from recsys.datasets.store import UNDATED
from recsys.errors import PartitionRefused, StoreError
from recsys.events.partition import Checked, without
from recsys.events.quality import PastDay, QualityReport, judged
from recsys.events.raw import Filing, RawBatch, SourceFile, from_interactions
from recsys.events.shelf import ASIDE, GOOD, UPDATES, Shelf
from recsys.events.sources.source import Source
from recsys.events.validation import Rules, check
from recsys.sites import SiteConfig
from recsys.stages.context import StageContext
from recsys.stages.lacking_updates import lacking_updates
from recsys.stages.partitions import PartitionReport, commit, reported
from recsys.stages.unchanged import FEEDBACK, all_unchanged, digest_of, made_by
from recsys.types import UserId

ATTEMPTS: Final = 3
"How often a partition is written before it is reported as not written."


@dataclass
class Ingestion:
    """One run of one site. Partitions are judged in order of time, and written side by side."""

    context: StageContext
    config: SiteConfig
    source: Source
    parallel: int
    committed: dict[Partition | None, PartitionReport] = field(default_factory=dict)
    refused: dict[Partition | None, str] = field(default_factory=dict)
    unwritten: dict[Partition | None, str] = field(default_factory=dict)
    _late: set[Partition] = field(default_factory=set)

    def __post_init__(self) -> None:
        quality = self.config.quality
        self._rules = Rules(
            event_types=self.config.event_types,
            earliest=date.fromisoformat(quality.earliest),
            latest=date.fromisoformat(quality.latest),
            hourly=self.config.schedule.hourly,
        )

    def ingest(self, piece: Sequence[Partition], known: set[Partition]) -> Iterator[Partition]:
        """Each partition of ``piece`` is in the log afterwards, or among ``refused`` or ``unwritten``; told one by one.

        Args:
            piece: partitions of one stretch of time, in order.
            known: partitions that were committed before; they are written even when nothing is left of them.
        """
        site, store = self.config.site, self.context.datasets
        self._refuse_mixture(piece)
        with Shelf() as shelf, ThreadPoolExecutor(self.parallel) as writers:
            read = self._fill(shelf, piece)
            reach = self.source.days()
            past = self._before(piece[0])
            pending: deque[Future[None]] = deque()
            undated: list[Partition | None] = [None] if None in shelf.slots or store.undated(site) else []
            for partition in (*piece, *undated):
                slot = partition.start if partition else None
                if not partition or slot in shelf.slots or partition.day in reach or partition in known:
                    checked, files = self._take(shelf, slot), read.files_of(partition)
                    report = self._judged(partition, checked, files, read, past)
                    pending.append(writers.submit(self._write, partition, checked, files, report))
                    if not report.passed:
                        self.refused[partition] = report.sentence
                while len(pending) > self.parallel:
                    pending.popleft().result()
                if partition:
                    yield partition
            for written in pending:
                written.result()

    def leave(self, piece: Sequence[Partition]) -> bool:
        """Whether the partitions of ``piece`` stay as they are: all were read before, and nothing is new."""
        store, site = self.context.datasets, self.config.site
        log = store.manifests(site, piece[0].day, piece[-1].day + timedelta(days=1))
        kept = {each.partition: each for each in log if each.partition in set(piece)}
        if len(kept) < len(piece) or not all_unchanged(self.context, self.config, self.source, list(kept.values())):
            return False
        self.committed |= {partition: reported(partition, manifest) for partition, manifest in kept.items()}
        if undated := store.undated(site):
            self.committed[None] = reported(None, undated)
        return True

    def _refuse_mixture(self, piece: Sequence[Partition]) -> None:
        site, after = self.config.site, piece[-1].day + timedelta(days=1)
        known = {each.partition for each in self.context.datasets.manifests(site, piece[0].day, after)}
        days = {partition.day for partition in piece}
        other = [each.key for each in known if each.day in days and (each.hour is None) == self._rules.hourly]
        if other:
            raise PartitionRefused(
                f"site {site}: found {', '.join(sorted(other)[:5])} committed already, expected days or hours of one "
                "day, not both. Set schedule.partition as it was, or give the site another name"
            )

    def late_for(self, piece: Sequence[Partition]) -> set[Partition]:
        """Partitions before ``piece`` for which it brought events, or of whose events or items we were told since."""
        late, self._late = self._late, set()
        site, before = self.config.site, piece[0].start
        since = before - timedelta(days=self.config.quality.late_days)
        told = self.context.feedback_counts(site, since, before, hourly=self._rules.hourly)
        log = self.context.datasets.manifests(site, since.date(), before.date() + timedelta(days=1))
        updates = self.context.item_updates(site, since, before).lazy()
        late |= {each for each in lacking_updates(self.context.datasets, log, updates)[0] if each.start < before}
        for manifest in log:
            partition = manifest.partition
            heard = sum(file.rows for file in manifest.source_files if file.name == FEEDBACK)
            if partition.start < before and told.get(partition.start, 0) != heard:
                late.add(partition)
        return late

    def _fill(self, shelf: Shelf, piece: Sequence[Partition]) -> "_Read":
        """Every row that belongs to the piece, or to no time, is on the shelf afterwards."""
        start, end = piece[0].start, piece[-1].end
        read = _Read()
        for batch in self.source.read(start, end):
            good = self._shelve(shelf, batch, start, end)
            if batch.filing and batch.filing.late and start <= batch.filing.start < end:
                self._note_late(good, start)
            read.files += batch.files
            if batch.unreadable and batch.filing:
                read.unreadable.append((batch.filing, batch.unreadable))
        told = self.context.feedback(self.config.site, start, end)
        self._shelve(shelf, from_interactions(told, source=FEEDBACK), start, end)
        for (slot,), rows in self._slotted(told).partition_by(c.PARTITION, as_dict=True, include_key=False).items():
            read.feedback[slot] = SourceFile(name=FEEDBACK, rows=rows.height, sha256=digest_of(rows), day=slot.date())
        shelf.put(UPDATES, self._slotted(self.context.item_updates(self.config.site, start, end)))
        return read

    def _shelve(self, shelf: Shelf, batch: RawBatch, start: datetime, end: datetime) -> pl.DataFrame:
        """Puts what belongs to the stretch, or to no time, on the shelf; gives all good rows back."""
        found = check(batch, self._rules)
        shelf.put(GOOD, _within(found.good, start, end))
        shelf.put(ASIDE, _within(found.aside, start, end))
        shelf.put(UPDATES, _within(self._slotted(batch.item_updates), start, end))
        return found.good

    def _slotted(self, rows: pl.DataFrame) -> pl.DataFrame:
        every = "1h" if self._rules.hourly else "1d"
        return rows.with_columns(pl.col(c.TIMESTAMP).dt.truncate(every).alias(c.PARTITION))

    def _note_late(self, good: pl.DataFrame, start: datetime) -> None:
        early = good.filter(pl.col(c.PARTITION) < start)[c.PARTITION].unique()
        self._late |= {
            Partition.starting(self.config.site, slot, hourly=self._rules.hourly) for slot in early.to_list()
        }

    def _before(self, partition: Partition) -> list[PastDay]:
        """How many rows the partitions before have kept."""
        first = partition.day - timedelta(days=self.config.quality.table.volume.days)
        before = self.context.datasets.manifests(self.config.site, first, partition.day)
        return [PastDay(key=each.partition.key, rows=each.counts.kept) for each in before]

    def _take(self, shelf: Shelf, slot: datetime | None) -> Checked:
        found = shelf.take(slot, same_content=self.config.quality.same_content_is_duplicate)
        return without(found, self._erased)

    @cached_property
    def _made_by(self) -> str:
        return made_by(self.config)

    @cached_property
    def _erased(self) -> dict[UserId, datetime]:
        return self.context.erased(self.config.site)

    def _judged(
        self,
        partition: Partition | None,
        checked: Checked,
        files: tuple[SourceFile, ...],
        read: "_Read",
        past: list[PastDay],
    ) -> QualityReport:
        """What the checks say; rows without a day are compared with all rows of their files."""
        quality, site = self.config.quality, self.config.site
        if partition is None:
            of_rows = sum(file.rows for file in files)
            return judged(UNDATED, checked, quality, site=site, source_files=files, of_rows=of_rows)
        unreadable = read.fault_of(partition)
        report = judged(
            partition.key, checked, quality, site=site, past=past, source_files=files, unreadable=unreadable
        )
        if report.passed:
            past.append(PastDay(key=partition.key, rows=checked.counts.kept))
        return report

    def _write(
        self, partition: Partition | None, checked: Checked, files: tuple[SourceFile, ...], report: QualityReport
    ) -> None:
        """The partition is committed, where it passed, and its report is kept."""
        try:
            for attempt in Retrying(
                retry=retry_if_exception_type(StoreError),
                stop=stop_after_attempt(ATTEMPTS),
                wait=wait_exponential(multiplier=0.5, max=10),
                reraise=True,
            ):
                with attempt:
                    if report.passed:
                        done = commit(self.context, self.config.site, partition, checked, files, made_by=self._made_by)
                        self.committed[partition] = done
                    self.context.reports.keep(report)
        except StoreError as fault:
            self.unwritten[partition] = str(fault)


@dataclass
class _Read:
    """What was read beside rows."""

    files: tuple[SourceFile, ...] = ()
    unreadable: list[tuple[Filing, str]] = field(default_factory=list)
    feedback: dict[datetime, SourceFile] = field(default_factory=dict)
    "By partition."

    def fault_of(self, partition: Partition) -> str | None:
        """Why files of this time could not be read; None where all could."""
        faults = (
            why for filing, why in self.unreadable if filing.start < partition.end and partition.start < filing.end
        )
        return next(faults, None)

    def files_of(self, partition: Partition | None) -> tuple[SourceFile, ...]:
        if partition is None:
            return self.files
        told = self.feedback.get(partition.start)
        return (*(file for file in self.files if file.day in (None, partition.day)), *([told] if told else []))


def _within(rows: pl.DataFrame, start: datetime, end: datetime) -> pl.DataFrame:
    """The rows of partitions from ``start`` until ``end``, and those without one."""
    slot = pl.col(c.PARTITION)
    return rows.filter(slot.is_between(start, end, closed="left") | slot.is_null())
