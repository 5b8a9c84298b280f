"""Raw events, checked and committed: one partition per UTC day or hour, and nothing vanishes."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from recsys.datasets.manifest import Partition
from recsys.errors import ConfigError, PartitionRefused, StoreError
from recsys.events.counts import NO_ROWS, RowCounts
from recsys.events.sources.registry import open_source
from recsys.events.sources.source import Surroundings
from recsys.stages.context import StageContext, open_context
from recsys.stages.ingestion import Ingestion
from recsys.stages.partitions import PartitionReport, Unfinished
from recsys.types import Frozen, SiteId

DAYS_AT_ONCE: Final = 40
"Days of a filed source that are read together."
PARALLEL: Final = 4
"Partitions written at once."

Progress = Callable[[int, int], None]
"Called with partitions done and partitions in all."


class IngestReport(Frozen):
    """What became of every row of the days asked for."""

    site: SiteId
    first: date
    days: int
    counts: RowCounts
    committed: tuple[PartitionReport, ...]
    "In order of time, the rows without a day last."
    late: tuple[PartitionReport, ...] = ()
    "Earlier partitions that were written again because some of their events came late."
    not_covered: int
    "Partitions asked for that the source does not reach and that have no rows; nothing was committed for them."
    resumed: int = 0
    "Partitions asked for that were committed before and left as they are."
    unchanged: int = 0
    "Of ``committed``: were read before from the same files, by the same code and rules, and not read again."


def run(
    *,
    site: SiteId,
    first: date,
    days: int = 1,
    hour: int | None = None,
    resume: bool = False,
    parallel: int = PARALLEL,
    context: StageContext | None = None,
    progress: Progress | None = None,
) -> IngestReport:
    """The UTC days from ``first`` on are in the event log afterwards, each partition whole; again changes nothing.

    A partition without rows within the source's reach is empty. Feedback from the web service counts among the rows; an
    event that a file has as well counts once. Earlier partitions for which events came late are written again.

    Args:
        site: which site.
        first: first UTC day.
        days: how many days, at least 1.
        hour: that hour of the first day alone, 0 to 23; for sites whose partitions are hours.
        resume: leave partitions as they are that were committed before.
        parallel: how many partitions are written at once.
        context: stores; by default from the environment.
        progress: told after each partition.

    Raises:
        PartitionRefused: some partitions were not good enough (see the site's ``quality``). Every other one is
            committed; the message names each refused one, with reasons and samples.
        StoreError: some partitions could not be written, after several attempts; every other one is committed.
        SourceError: the source as a whole is missing or not in its published form.
        ConfigError: no day was named, or an hour of a site whose partitions are days.
    """
    context = context or open_context()
    config = context.site(site)
    asked = _asked(site, first, days, hour, hourly=config.schedule.hourly)
    source = open_source(config.source, Surroundings(site, config.quality, context.settings))
    ingestion = Ingestion(context, config, source, parallel)
    known = {manifest.partition for manifest in context.datasets.manifests(site, first, asked[-1].day + timedelta(1))}
    wanted = [partition for partition in asked if not (resume and partition in known)]
    done = len(asked) - len(wanted)
    late: set[Partition] = set()
    unchanged = 0
    for piece in _pieces(wanted, together=DAYS_AT_ONCE if source.filed else None):
        left = ingestion.leave(piece)
        unchanged += left * len(piece)
        for _ in piece if left else ingestion.ingest(piece, known):
            done += 1
            if progress:
                progress(done, len(asked))
        late |= ingestion.late_for(piece)
    again = [partition for partition in sorted(late, key=lambda each: each.start) if partition not in set(asked)]
    for partition in again:
        for _ in ingestion.ingest([partition], {*known, partition}):
            pass
    report = _reported(ingestion, first, days, asked=set(asked), resumed=len(asked) - len(wanted))
    return report.model_copy(update={"unchanged": unchanged})


def _asked(site: SiteId, first: date, days: int, hour: int | None, *, hourly: bool) -> list[Partition]:
    if type(first) is not date or days < 1:
        raise ConfigError(
            f"found the first day {first!r} and {days!r} days, expected a UTC day and at least 1 day; name the day"
        )
    if hour is not None and (not hourly or days != 1):
        raise ConfigError(
            f"found the hour {hour} with {days} days, expected an hour of one day, of a site whose YAML says "
            "schedule.partition: hour. Name the day alone, or change the YAML"
        )
    start = datetime.combine(first, time(hour or 0), UTC)
    step = timedelta(hours=1) if hourly else timedelta(days=1)
    count = 1 if hour is not None else days * (24 if hourly else 1)
    return [Partition.starting(site, start + number * step, hourly=hourly) for number in range(count)]


def _pieces(partitions: Iterable[Partition], *, together: int | None) -> Iterator[list[Partition]]:
    """What is read in one go: stretches of some days; or everything, of a source that can only be read as a whole."""
    piece: list[Partition] = []
    for partition in partitions:
        if piece and together and (partition.day - piece[0].day).days >= together:
            yield piece
            piece = []
        piece.append(partition)
    if piece:
        yield piece


def _reported(ingestion: Ingestion, first: date, days: int, *, asked: set[Partition], resumed: int) -> IngestReport:
    site, done = ingestion.config.site, ingestion.committed
    if ingestion.refused or ingestion.unwritten:
        unfinished = Unfinished(site, ingestion.refused, ingestion.unwritten, committed=len(done))
        raise (StoreError if ingestion.unwritten else PartitionRefused)(unfinished.sentence)
    committed = [done[key] for key in done if key is None or key in asked]
    dated = sum(report.day is not None for report in committed)
    return IngestReport(
        site=site,
        first=first,
        days=days,
        counts=sum((report.counts for report in committed), NO_ROWS),
        committed=tuple(sorted(committed, key=lambda report: (report.day is None, report.partition))),
        late=tuple(done[key] for key in done if key is not None and key not in asked),
        not_covered=len(asked) - resumed - dated,
        resumed=resumed,
    )
