"""Raw events of some UTC days, checked and committed: one partition per day, and nothing vanishes."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.datasets.manifest import Partition, UndatedManifest
from recsys.datasets.tables import INTERACTED, QUARANTINED, UPDATED
from recsys.errors import ConfigError, PartitionRefused
from recsys.events.counts import NO_ROWS, RowCounts
from recsys.events.quality import fault_of
from recsys.events.raw import SourceFile, from_interactions
from recsys.events.sources.registry import open_source
from recsys.events.sources.source import Source
from recsys.events.validation import NOTHING, Checked, check
from recsys.sites import SiteConfig
from recsys.stages.context import StageContext, open_context
from recsys.types import Frozen, SiteId

FEEDBACK: Final = "feedback"
"Stands for the file of rows that came through the web service."
DAYS_AT_ONCE: Final = 40
"Days read together; bounds the memory."
WRITERS: Final = 8
"Days committed at once."

Progress = Callable[[int, int], None]
"Called with days done and days in all."


class DayReport(Frozen):
    """One committed partition."""

    day: date | None
    "None: the rows whose day cannot be told."
    counts: RowCounts
    content_hash: dict[str, str]
    "sha256 by table."


class IngestReport(Frozen):
    """What became of every row of the days asked for."""

    site: SiteId
    first: date
    days: int
    counts: RowCounts
    committed: tuple[DayReport, ...]
    "By day, the rows without a day last."
    not_covered: int
    "Days asked for that the source does not reach and that have no rows; nothing was committed for them."


@dataclass(frozen=True)
class _Day:
    """One day, read and checked; ``day`` None: the rows without one."""

    day: date | None
    checked: Checked
    updates: pl.DataFrame
    files: tuple[SourceFile, ...]
    unreadable: str | None


def run(
    *,
    site: SiteId,
    first: date,
    days: int = 1,
    context: StageContext | None = None,
    progress: Progress | None = None,
) -> IngestReport:
    """The UTC days from ``first`` on are in the event log afterwards, each whole; doing it again changes nothing.

    A day without rows within the source's reach is an empty partition. Feedback from the web service counts among the
    day's rows; an event that a file has as well counts once.

    Args:
        site: which site.
        first: first UTC day.
        days: how many days, at least 1.
        context: stores; by default from the environment.
        progress: told from time to time.

    Raises:
        PartitionRefused: some days were not good enough (see the site's ``quality``). Every other day is committed; the
            message names each refused day, with reasons and samples.
        SourceError: the source as a whole is missing or not in its published form; nothing was committed.
        ConfigError: no day was named.
    """
    if type(first) is not date or days < 1:
        raise ConfigError(
            f"found the first day {first!r} and {days!r} days, expected a UTC day and at least 1 day; name the day"
        )
    context = context or open_context()
    config = context.site(site)
    source = open_source(config.source, config.quality)
    committed: dict[date | None, DayReport] = {}
    refused: dict[date | None, str] = {}
    for start in range(0, days, DAYS_AT_ONCE):
        count = min(DAYS_AT_ONCE, days - start)
        good = []
        for each in _read(context, config, source, first + timedelta(days=start), count):
            fault = each.unreadable or _fault(each, config)
            if fault:
                refused[each.day] = fault
            else:
                good.append(each)
        with ThreadPoolExecutor(WRITERS) as writers:
            committed |= {report.day: report for report in writers.map(lambda day: _commit(context, site, day), good)}
        if progress:
            progress(start + count, days)
    if refused:
        raise PartitionRefused(_refused(site, refused, committed=len(committed)))
    undated = [committed.pop(None)] if None in committed else []
    return IngestReport(
        site=site,
        first=first,
        days=days,
        counts=sum((report.counts for report in (*committed.values(), *undated)), NO_ROWS),
        committed=(*committed.values(), *undated),
        not_covered=days - len(committed),
    )


def _read(context: StageContext, config: SiteConfig, source: Source, first: date, days: int) -> Iterator[_Day]:
    """The days that the source reaches, that have rows, or that were committed before; then the rows without a day."""
    end = first + timedelta(days=days)
    batch = source.read(first, end - timedelta(days=1))
    feedback = from_interactions(context.feedback(config.site, first, end - timedelta(days=1)), source=FEEDBACK)
    checked = check(
        pl.concat([batch.rows, feedback]),
        event_types=config.event_types,
        earliest=date.fromisoformat(config.quality.earliest),
        latest=date.fromisoformat(config.quality.latest),
    )
    dated = batch.item_updates.with_columns(pl.col(c.TIMESTAMP).dt.date().alias(c.DAY))
    updates = {day: part for (day,), part in dated.partition_by(c.DAY, as_dict=True, include_key=False).items()}
    none = batch.item_updates.clear()
    reach = source.days()
    known = {manifest.day for manifest in context.datasets.manifests(config.site, first, end)}
    for day in (first + timedelta(days=offset) for offset in range(days)):
        if day in reach or day in checked or day in updates or day in known:
            files = tuple(file for file in batch.files if file.day in (None, day))
            unreadable = batch.unreadable.get(day)
            yield _Day(day, checked.get(day, NOTHING), updates.get(day, none), files, unreadable)
    if None in checked or context.datasets.undated(config.site):
        yield _Day(None, checked.get(None, NOTHING), none, batch.files, None)


def _fault(each: _Day, config: SiteConfig) -> str | None:
    """Why the day must not be committed. Rows without a day are compared with all rows of their files."""
    if each.day is not None:
        return fault_of(each.checked, config.quality)
    of_rows = sum(file.rows for file in each.files)
    return fault_of(each.checked, config.quality, of_rows=of_rows) if each.checked.counts.rows_in else None


def _commit(context: StageContext, site: SiteId, each: _Day) -> DayReport:
    counts, store = each.checked.counts, context.datasets
    manifest: UndatedManifest
    if each.day is None:
        manifest = store.commit_undated(site, each.checked.quarantine, counts=counts, source_files=each.files)
    else:
        frames = {INTERACTED: each.checked.kept, UPDATED: each.updates, QUARANTINED: each.checked.quarantine}
        partition = Partition(site=site, day=each.day)
        manifest = store.commit(partition, frames, counts=counts, source_files=each.files)
    hashes = {name: data.content_hash for name, data in manifest.tables.items()}
    return DayReport(day=each.day, counts=counts, content_hash=hashes)


def _refused(site: SiteId, refused: dict[date | None, str], *, committed: int) -> str:
    lines = "".join(f"\n  {day or 'rows without a day'}: {fault}" for day, fault in refused.items())
    return (
        f"site {site}: {len(refused)} partition{'s' * (len(refused) != 1)} refused, {committed} committed; what was "
        f"committed before for the refused ones is untouched.{lines}\n"
        "Correct the rows at their source and ingest these days again, or raise quality.max_bad_share in the "
        "site's YAML"
    )
