"""A topic's messages, landed and ingested. Killed anywhere, it neither loses nor doubles: the next run goes on.

Messages are put away as they came, in files whose names are their offsets; the days that they belong to are written
again from everything that landed, less often. Where to go on, and which days wait, is read from what is there.
"""

import logging
import time
from collections.abc import Callable
from datetime import date, datetime
from threading import Event
from typing import Final, Literal

from recsys.datasets.landing import Landing
from recsys.errors import ConfigError, PartitionRefused
from recsys.events.sources.registry import open_source
from recsys.events.stream.landed import next_offsets
from recsys.events.stream.params import KafkaParams
from recsys.events.stream.patience import Patience
from recsys.events.stream.topic import Topic
from recsys.sites import SiteConfig
from recsys.stages.context import StageContext, open_context
from recsys.stages.stream_days import StreamDays
from recsys.stages.stream_run import StreamRun, lag
from recsys.types import Frozen, SiteId

LOG: Final = logging.getLogger(__name__)
KAFKA: Final = "kafka"
LOOK_SECONDS: Final = 10.0
"How long ``waiting`` waits for brokers, at most."
POLL_SECONDS: Final = 0.5

Until = Literal["idle", "forever"] | float
"idle: as far as the topic reached when the run began. A number: so many seconds."
Progress = Callable[[int, int], None]
"Called with messages read, and messages that there were to read when the run began."


class StreamReport(Frozen):
    """What one run did."""

    site: SiteId
    topic: str
    messages: int
    "Messages that this run read and landed."
    files: int
    "Files in which they landed."
    next_offsets: dict[int, int]
    "Where the next run goes on, by partition of the topic."
    waiting: int
    "Messages that were in the topic when last looked, and have not landed."
    lost: dict[int, int]
    "By partition: offsets that the topic had deleted before they were read."
    days: tuple[date, ...]
    "UTC days that were written again."
    partitions: tuple[str, ...]
    "Their partitions, as 2026-01-31 or 2026-01-31T05."


def run(
    *,
    site: SiteId,
    until: Until = "idle",
    from_offset: int | None = None,
    from_time: datetime | None = None,
    context: StageContext | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = LOG.warning,
    stop: Event | None = None,
) -> StreamReport:
    """What the topic has is landed and in the event log afterwards, every message once.

    Args:
        site: whose topic.
        until: when to end.
        from_offset: go back to this offset of each partition: what has not landed is read again, as far as the topic
            still has it, and the days of everything from there on are written again. On a first run: begin there.
        from_time: the same, from the first message that the broker took at this time or later.
        context: stores; by default from the environment.
        progress: told from time to time.
        say: told when brokers or stores do not answer, and when they do again; when a day is refused; when messages
            were deleted before they were read. By default the log is told.
        stop: set it to end the run early, in good order.

    Raises:
        ConfigError: the site has no topic; both a time and an offset were named; or the brokers refuse this user.
        SourceError: there is no such topic, or it was made anew.
        StoreError: brokers or the object store did not answer for the site's ``patience_seconds``.
        PartitionRefused: some days were not good enough; everything landed, and every other day is in the log.
    """
    context = context or open_context()
    config = context.site(site)
    params = topic_of(config)
    if from_offset is not None and from_time is not None:
        raise ConfigError(
            f"found the offset {from_offset} and the time {from_time}, expected one of them; leave one out"
        )
    landing = Landing(context.blobs, site, params.topic)
    days = StreamDays(context, site, params.topic, landing, say)
    stop = stop or Event()
    patience = Patience(float("inf") if until == "forever" else params.patience_seconds, stop)
    with Topic(params, context.settings, site, patience=patience, say=say) as topic:
        back = dict.fromkeys(topic.extents(), from_offset) if from_offset is not None else {}
        back = topic.offsets_at(from_time) if from_time is not None else back
        going = StreamRun(config, params, topic, landing, days, patience, say)
        going.begin(back)
        deadline = time.monotonic() + until if isinstance(until, float | int) else float("inf")
        while not (until == "idle" and going.at_end) and time.monotonic() < deadline and not stop.is_set():
            going.step(min(POLL_SECONDS, max(deadline - time.monotonic(), 0.0)))
            if progress:
                progress(going.messages, going.to_read)
        going.end()
    if days.refused:
        raise PartitionRefused("\n".join(dict.fromkeys(days.refused.values())))
    return StreamReport(
        site=site,
        topic=params.topic,
        messages=going.messages,
        files=going.files,
        next_offsets=going.next_offsets,
        waiting=going.lag,
        lost=going.lost,
        days=tuple(sorted(days.written)),
        partitions=tuple(sorted(days.partitions)),
    )


class Waiting(Frozen):
    """What a topic has for the next run."""

    messages: int
    "Messages that have not landed."
    ends: dict[int, int]
    "Where the topic ends, by partition: the same ends are the same messages."


def waiting(*, site: SiteId, context: StageContext | None = None) -> Waiting:
    """What of the site's topic has not landed. Raises as ``run``."""
    context = context or open_context()
    params = topic_of(context.site(site))
    patience = Patience(min(LOOK_SECONDS, params.patience_seconds), Event())
    with Topic(params, context.settings, site, patience=patience, say=lambda _: None) as topic:
        extents = topic.extents()
    landed = next_offsets(Landing(context.blobs, site, params.topic).files())
    ends = {number: extent.high for number, extent in extents.items()}
    return Waiting(messages=lag(extents, landed), ends=ends)


def topic_of(config: SiteConfig) -> KafkaParams:
    """The site's topic.

    Raises:
        ConfigError: its events come from elsewhere, or the params are not usable.
    """
    if config.source.kind != KAFKA:
        raise ConfigError(
            f"site {config.site!r}: found source {config.source.kind!r}, expected {KAFKA!r}; it has no topic to follow"
        )
    open_source(config.source)
    return KafkaParams.model_validate(config.source.params)
