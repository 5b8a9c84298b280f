"""Metadata of items that were seen and are not known, asked of the site's content API."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import numpy as np

from recsys import columns as c
from recsys.datasets.fetched import TELLS, FetchedItems
from recsys.datasets.manifest import Manifest, Partition
from recsys.errors import ConfigError, FetchError
from recsys.events.fetching.fetcher import ContentApi
from recsys.events.fetching.outcomes import Outcome, Refused, as_frame
from recsys.events.fetching.registry import open_content_api
from recsys.stages import ingest_events
from recsys.stages.context import StageContext, open_context
from recsys.stages.lacking_updates import lacking_updates
from recsys.stages.missing_items import Knowledge, items_by_day, what_is_known
from recsys.types import Frozen, ItemId, SiteId

LANDED_TOGETHER: Final = 200
"Items asked for between two writes; who is killed asks for at most so many again."

Progress = Callable[[int, int], None]
"Called with items asked for and items to ask for."


class Tally(Frozen):
    """Where items went: seen = known + too_early + asked + left."""

    seen: int
    "Items with events or impressions on the day; one that was seen on several days counts on each of them."
    known: int
    "Their metadata are there, and young enough; also those that an earlier day of this run brought."
    too_early: int
    "There was no good answer for them before, and it is too early to ask again."
    asked: int
    fetched: int
    "Of those asked, how many told something."
    failed: dict[str, int]
    "The others, by fault."
    left: int
    "For another run, because this one stopped."


class DayTally(Tally):
    """The items of one UTC day."""

    day: date


class FetchReport(Tally):
    """What became of every item seen on the days looked at."""

    site: SiteId
    first: date | None
    "None: the log is empty."
    days: int
    by_day: tuple[DayTally, ...]
    "In order; days without a partition are left out."
    stopped: str | None
    "Why the run ended before everything was asked for."
    ingested: tuple[str, ...]
    "Partitions of the log that were written again, because something was fetched in their time."
    waiting: tuple[date, ...]
    "Days of fetching that are not in the log yet; their own ingestion takes in what was fetched."


def run(
    *,
    site: SiteId,
    first: date | None = None,
    days: int = 1,
    context: StageContext | None = None,
    progress: Progress | None = None,
) -> FetchReport:
    """The content API was asked for the items of these days that lack metadata; what it told is kept and ingested.

    Answers are known from the time of fetching on, not before. They are kept in pieces, refusals among them, so that
    the next run goes on where a killed one was.

    Args:
        site: which site; its YAML has ``catalogue.fetch``.
        first: first UTC day whose items are looked at; None: the newest ``days`` days of the log.
        days: how many days, at least 1.
        context: stores; by default from the environment.
        progress: told from time to time.

    Raises:
        ConfigError: the site has no content API, or its params have faults.
        FetchError: the API failed ``give_up_after`` times in a row. What was fetched before is kept.
        PartitionRefused: a day of fetching could not be ingested again; what was fetched is kept.
    """
    if days < 1:
        raise ConfigError(f"found {days!r} days, expected at least 1")
    context = context or open_context()
    api = _open(context, site)
    fetched = FetchedItems(context.blobs, site)
    log = context.datasets.manifests(site)
    since = Partition(site=site, day=first).start if first else _newest(log, days)
    looked_at = [each for each in log if since and since <= each.partition.start < since + timedelta(days=days)]
    knowledge = what_is_known(context.datasets, log, fetched, api.params, api.clock())
    by_day = _ask(api, items_by_day(context.datasets, looked_at), knowledge, fetched, progress)
    ingested, waiting = _ingest(context, fetched, log)
    report = FetchReport(
        site=site,
        first=since.date() if since else None,
        days=days,
        by_day=tuple(by_day),
        stopped=api.stopped,
        ingested=ingested,
        waiting=waiting,
        **_summed(by_day),
    )
    if api.gave_up:
        raise FetchError(
            f"site {site}: {api.stopped}. Of {report.asked} items asked for, {report.fetched} were fetched and are "
            f"kept; {report.left} are left. See that the API answers, then run again: it goes on from here"
        )
    return report


def _open(context: StageContext, site: SiteId) -> ContentApi:
    spec = context.site(site).catalogue.fetch
    if spec is None:
        raise ConfigError(
            f"site {site}: found no catalogue.fetch, expected the site's content API; name it in the site's YAML"
        )
    started, ticks = context.now().astimezone(UTC), time.monotonic()

    def clock() -> datetime:
        return started + timedelta(seconds=time.monotonic() - ticks)

    rng = np.random.default_rng(int(started.timestamp()))  # runs that failed together do not come back together
    return open_content_api(spec, site, context.settings, clock=clock, rng=rng)


def _newest(log: list[Manifest], days: int) -> datetime | None:
    """When the newest so many days of the log begin, to the hour where its partitions are hours; None: it is empty."""
    return log[-1].partition.end - timedelta(days=days) if log else None


def _ask(
    api: ContentApi,
    seen: dict[date, list[ItemId]],
    knowledge: Knowledge,
    fetched: FetchedItems,
    progress: Progress | None,
) -> list[DayTally]:
    """What is missing was asked for, day after day, until the API had enough; every outcome is kept."""
    to_ask = len({item for items in seen.values() for item in knowledge.missing(items)})
    tallies: list[DayTally] = []
    for day, items in seen.items():
        known, missing = len(knowledge.known.intersection(items)), knowledge.missing(items)
        outcomes: list[Outcome] = []
        for piece in _asked(api, missing, knowledge.left_out):
            fetched.land(as_frame(piece))
            outcomes += piece
            if progress:
                progress(sum(each.asked for each in tallies) + len(outcomes), to_ask)
        for outcome in outcomes:
            knowledge.learn(outcome)
        failed = Counter(outcome.found.fault.value for outcome in outcomes if isinstance(outcome.found, Refused))
        tallies.append(
            DayTally(
                day=day,
                seen=len(items),
                known=known,
                too_early=len(items) - known - len(missing),
                asked=len(outcomes),
                fetched=len(outcomes) - failed.total(),
                failed=dict(sorted(failed.items())),
                left=len(missing) - len(outcomes),
            )
        )
    return tallies


def _asked(api: ContentApi, items: list[ItemId], left_out: set[ItemId]) -> Iterator[list[Outcome]]:
    """The outcomes of these items, piece by piece, until the API has had enough."""
    for start in range(0, len(items), LANDED_TOGETHER):
        if api.stopped:
            return
        piece = api.fetch(items[start : start + LANDED_TOGETHER])
        yield [outcome.on_sale_again() if outcome.item_id in left_out else outcome for outcome in piece]


def _summed(tallies: list[DayTally]) -> dict[str, Any]:
    """The fields of Tally, over all days."""
    names = ("seen", "known", "too_early", "asked", "fetched", "left")
    failed = sum((Counter(each.failed) for each in tallies), Counter[str]())
    return {name: sum(getattr(each, name) for each in tallies) for name in names} | {
        "failed": dict(sorted(failed.items()))
    }


def _ingest(
    context: StageContext, fetched: FetchedItems, log: list[Manifest]
) -> tuple[tuple[str, ...], tuple[date, ...]]:
    """Partitions of the log that lacked something fetched in their time, ingested again; and days without partition.

    What is fetched in time without a partition waits for the ingestion of that time: a partition made now, of a day
    that is not over, would end the log in the future.
    """
    told = fetched.scan().filter(TELLS).select(c.ITEM_ID, c.TIMESTAMP)
    lacking, waiting = lacking_updates(context.datasets, log, told)
    for partition in lacking:
        ingest_events.run(site=fetched.site, first=partition.day, hour=partition.hour, context=context)
    return tuple(partition.key for partition in lacking), tuple(waiting)
