"""One run along a topic: what comes is held for a while, lands, and its days are written."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl
from tenacity import Retrying, retry_if_exception_type

from recsys import columns as c
from recsys.datasets.landing import Landing
from recsys.errors import SourceError, StoreError
from recsys.events.stream.landed import Landed, first_missing, next_offsets
from recsys.events.stream.params import KafkaParams, sane_times
from recsys.events.stream.patience import Patience
from recsys.events.stream.received import received
from recsys.events.stream.told import days_of, tell
from recsys.events.stream.topic import Extent, Topic
from recsys.sites import SiteConfig
from recsys.stages.stream_days import StreamDays

LOOK_FOR_PARTITIONS: Final = 60.0
"Seconds after which partitions that were added to the topic are found."
SETTLE_ATTEMPTS: Final = 3


@dataclass
class StreamRun:
    """``begin``, ``step`` as often as one likes, ``end``. What was killed between is found by the next ``begin``."""

    config: SiteConfig
    params: KafkaParams
    topic: Topic
    landing: Landing
    days: StreamDays
    patience: Patience
    say: Callable[[str], None]
    messages: int = 0
    files: int = 0
    to_read: int = 0
    lost: dict[int, int] = field(default_factory=dict)

    def begin(self, back: Mapping[int, int]) -> None:
        """The topic is where it goes on; days that an earlier run left waiting do so again."""
        self._told_by = self.params.told_by(self.config.quality)
        self._rules = sane_times(self.config.quality)
        self._held: dict[int, list[pl.DataFrame]] = {}
        self._landed_at = self._written_at = self._looked_at = time.monotonic()
        files = self.landing.files()
        self._extents = self.topic.extents()
        self._next = next_offsets(files)
        for number, at in back.items():
            there = min(max(at, self._extents[number].low), self._extents[number].high)
            self._next[number] = first_missing(files, number, there)
        self._go_on()
        self._ends = {number: extent.high for number, extent in self._extents.items()}
        self.to_read = lag(self._extents, self._next)
        self.days.look()
        again = [file for file in files if file.partition in back and file.last >= back[file.partition]]
        self.days.waiting |= {day for file in again for day in self.landing.days_of(file)}

    @property
    def at_end(self) -> bool:
        """Whether everything was read that the topic had when the run began."""
        return all(self._reached[number] >= end for number, end in self._ends.items())

    def step(self, seconds: float) -> None:
        """Some messages are read; those held long enough, or many enough, land; days are written when it is time."""
        polled = self.topic.poll(seconds)
        for number, messages in polled.messages.items():
            self._held.setdefault(number, []).append(received(messages, max_bytes=self.params.max_message_bytes))
            self.messages += len(messages)
        self._reached |= polled.reached
        now = time.monotonic()
        for number, frames in list(self._held.items()):
            full = sum(frame.height for frame in frames) >= self.params.land_messages
            if full or now - self._landed_at >= self.params.land_seconds:
                self._land(number)
        if now - self._landed_at >= self.params.land_seconds:
            self._landed_at = now
            self.topic.tell(self._next)
        if now - self._written_at >= self.params.ingest_seconds:
            self._patiently(self.days.write)
            self._written_at = time.monotonic()
        if polled.gone or now - self._looked_at >= LOOK_FOR_PARTITIONS:
            self._looked_at = now
            self._look_again(polled.gone)

    def end(self) -> None:
        """Everything that was read is landed and in the log."""
        for number in list(self._held):
            self._land(number)
        self.topic.tell(self._next)
        self._patiently(self.days.write)
        self._patiently(lambda: self.days.settle(attempts=SETTLE_ATTEMPTS))

    @property
    def next_offsets(self) -> dict[int, int]:
        """Where the next run goes on, by partition of the topic."""
        return dict(sorted(self._next.items()))

    @property
    def lag(self) -> int:
        """Messages that were in the topic when last looked, and have not landed."""
        return lag(self._extents, self._next)

    def _go_on(self) -> None:
        """Each partition of the topic is read from where the landed messages end, or from its beginning."""
        for number, extent in self._extents.items():
            at = self._next.get(number, extent.low)
            if at > extent.high:
                raise SourceError(
                    f"topic {self.params.topic!r}, partition {number}: found {extent.high:,} messages, expected at "
                    f"least {at:,}: so many landed before. It seems to have been made anew; give it another name, or "
                    f"move {self.landing.folder} away, and the partitions of its days stay as they are"
                )
            if at < extent.low:
                if number in self._next:
                    self._note_lost(number, extent.low - at)
                at = extent.low
            self._next[number] = at
        self._reached = dict(self._next)
        self.topic.go_to(self._next)

    def _look_again(self, gone: set[int]) -> None:
        """Goes on with partitions that were added to the topic, or whose next messages were deleted."""
        extents = self.topic.extents()
        added = set(extents) - set(self._extents)
        self._extents = extents
        if added or gone:
            for number in list(self._held):
                self._land(number)
            self._next |= {number: extents[number].low for number in added}
            self._go_on()

    def _note_lost(self, number: int, count: int) -> None:
        self.lost[number] = self.lost.get(number, 0) + count
        self.say(
            f"topic {self.params.topic!r}, partition {number}: {count:,} messages were deleted by the broker before "
            "they were read; keep them for longer there (retention.ms), or run recsys stream more often"
        )

    def _land(self, number: int) -> None:
        frames = self._held.pop(number)
        messages = pl.concat(frames)
        told = days_of(tell(messages, self.params.form, self._rules), self._rules)
        last = int(messages[c.OFFSET][-1])
        file = Landed(number, self._next[number], last, told, self._told_by)
        self._patiently(lambda: self.landing.land(file, messages))
        self.files += 1
        self._next[number] = last + 1
        self.days.waiting |= set(told.days)

    def _patiently(self, do: Callable[[], Any]) -> None:
        """Does it, again and ever less often while the store does not answer."""
        attempts = Retrying(
            retry=retry_if_exception_type(StoreError),
            before_sleep=lambda state: self.say(f"{state.outcome and state.outcome.exception()}; trying again"),
            **self.patience.attempts,
        )
        attempts(do)


def lag(extents: Mapping[int, Extent], landed: Mapping[int, int]) -> int:
    """How many messages of these extents have not landed."""
    return sum(max(0, each.high - max(landed.get(number, 0), each.low)) for number, each in extents.items())
