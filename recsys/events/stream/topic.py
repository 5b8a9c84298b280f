"""A topic as one reader sees it. No group of readers shares the partitions: where to go on is known by what landed."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Final, Self, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from tenacity import RetryCallState, Retrying, retry_if_exception

from recsys.errors import SourceError
from recsys.events.stream.brokers import AWAY, REFUSED, UNKNOWN_TOPIC, configuration, refusal
from recsys.events.stream.params import KafkaParams
from recsys.events.stream.patience import LONGEST_PAUSE, Patience
from recsys.layout import Settings
from recsys.types import SiteId

ANSWER_WITHIN: Final = 5.0
"Seconds that a broker has for one answer, at most."
READ_AT_ONCE: Final = 10_000
"Messages."
T = TypeVar("T")


@dataclass(frozen=True)
class Extent:
    """What a partition of the topic has: offsets from ``low`` until ``high``, exclusive."""

    low: int
    high: int


@dataclass
class Polled:
    """What came in one go."""

    messages: dict[int, list[Message]]
    "By partition, by offset."
    reached: dict[int, int]
    "By partition: the offset up to which (exclusive) everything was read."
    gone: set[int]
    "Partitions whose next message was deleted before it was read."


class Topic:
    """Use it in a ``with``. It waits for brokers that do not answer, ever longer, and says so.

    Every method raises StoreError when no broker answered for the site's ``patience_seconds``, ConfigError when they
    refuse this user, and SourceError when there is no such topic.
    """

    def __init__(
        self, params: KafkaParams, settings: Settings, site: SiteId, *, patience: Patience, say: Callable[[str], None]
    ) -> None:
        self._params = params
        self._say = say
        self._patience = patience
        self._within = min(ANSWER_WITHIN, patience.seconds / 3)
        self._silent_since: float | None = None
        self._asked_at = 0.0
        self._fault: KafkaError | None = None
        self._partitions: tuple[int, ...] = ()
        self._consumer = Consumer(configuration(params, settings, site) | {"error_cb": self._heard})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def extents(self) -> dict[int, Extent]:
        """Every partition of the topic, also one that was added since."""
        return self._patiently(self._extents)

    def offsets_at(self, moment: datetime) -> dict[int, int]:
        """By partition: the first offset whose message the broker took at ``moment`` or later; else the end."""
        millis = int(moment.timestamp() * 1000)

        def ask() -> dict[int, int]:
            ends = self._extents()
            asked = [TopicPartition(self._params.topic, number, millis) for number in ends]
            found = self._consumer.offsets_for_times(asked, timeout=self._within)
            return {each.partition: each.offset if each.offset >= 0 else ends[each.partition].high for each in found}

        return self._patiently(ask)

    def go_to(self, offsets: Mapping[int, int]) -> None:
        """What is read next, by partition."""
        self._partitions = tuple(offsets)
        self._consumer.assign([TopicPartition(self._params.topic, number, at) for number, at in offsets.items()])

    def poll(self, seconds: float) -> Polled:
        """What came within ``seconds``, perhaps nothing."""
        polled = Polled({}, {}, set())
        for message in self._consumer.consume(READ_AT_ONCE, timeout=seconds):
            partition, error = _partition(message), message.error()
            if error is None:
                polled.messages.setdefault(partition, []).append(message)
                polled.reached[partition] = _offset(message) + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                polled.reached[partition] = max(polled.reached.get(partition, 0), _offset(message))
            elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
                polled.gone.add(partition)
            elif error.code() not in AWAY:
                raise self._refusal(error)
        if polled.reached:
            self._answered()
        elif self._silent_since is not None:
            self._wait_a_little(self._silent_since)
        return polled

    def tell(self, offsets: Mapping[int, int]) -> None:
        """Where the reader stands, for those who watch the lag of its group; nothing is ever read back."""
        told = [TopicPartition(self._params.topic, number, at) for number, at in offsets.items()]
        if told and self._silent_since is None:
            self._consumer.commit(offsets=told, asynchronous=True)

    def _extents(self) -> dict[int, Extent]:
        found = self._consumer.list_topics(self._params.topic, timeout=self._within).topics[self._params.topic]
        if found.error is not None or not found.partitions:
            if found.error is not None and found.error.code() in AWAY:
                raise KafkaException(found.error)
            raise self._missing()
        extents = {}
        for number in sorted(found.partitions):
            place = TopicPartition(self._params.topic, number)
            low, high = self._consumer.get_watermark_offsets(place, timeout=self._within)
            extents[number] = Extent(low, high)
        return extents

    def _missing(self) -> SourceError:
        others = self._consumer.list_topics(timeout=self._within).topics
        names = sorted(name for name in others if not name.startswith("__"))
        return SourceError(
            f"found no topic {self._params.topic!r} at {self._params.bootstrap_servers}; there are: "
            f"{', '.join(names[:20]) or 'none'}. Correct source.params.topic in the site's YAML, or make the topic"
        )

    def _patiently(self, ask: Callable[[], T]) -> T:
        attempts = Retrying(
            retry=retry_if_exception(self._may_pass),
            before_sleep=self._say_waiting,
            **self._patience.attempts,
        )
        try:
            answer: T = attempts(ask)
        except KafkaException as fault:
            raise self._refusal(fault.args[0]) from None
        self._answered()
        return answer

    @property
    def _is_refused(self) -> bool:
        return self._fault is not None and self._fault.code() in REFUSED

    def _may_pass(self, fault: BaseException) -> bool:
        if not self._partitions:
            self._consumer.poll(0)  # nothing is read yet: it only hears why there was no answer
        return isinstance(fault, KafkaException) and fault.args[0].code() in AWAY and not self._is_refused

    def _say_waiting(self, state: RetryCallState) -> None:
        pause = state.next_action.sleep if state.next_action else 0.0
        self._say(f"no broker at {self._params.bootstrap_servers} answers; asking again in {pause:.0f} seconds")

    def _heard(self, error: KafkaError) -> None:
        """Called by the client, within ``poll`` and the like."""
        if error.code() in REFUSED or self._fault is None:
            self._fault = error
        if error.code() == KafkaError._ALL_BROKERS_DOWN and self._silent_since is None:
            self._silent_since = time.monotonic()
            self._say(f"no broker at {self._params.bootstrap_servers} answers; waiting")

    def _answered(self) -> None:
        if self._silent_since is not None:
            self._say(f"the brokers answer again, after {time.monotonic() - self._silent_since:.0f} seconds")
        self._silent_since = self._fault = None

    def _wait_a_little(self, since: float) -> None:
        """A topic without new messages says nothing when its brokers are back: they are asked, ever less often."""
        now = time.monotonic()
        if self._is_refused:
            raise self._refusal(self._fault)
        if now - since > self._patience.seconds:
            raise self._refusal(self._fault)
        if now - self._asked_at >= min((now - since) / 2, LONGEST_PAUSE):
            self._asked_at = now
            try:
                self._consumer.list_topics(self._params.topic, timeout=1.0)
            except KafkaException:
                return
            self._answered()

    def _refusal(self, error: KafkaError | None) -> Exception:
        error = self._fault if self._is_refused else error
        if error is not None and error.code() in UNKNOWN_TOPIC:
            return self._missing()
        return refusal(error, self._params, waited=self._patience.seconds)


def _partition(message: Message) -> int:
    number = message.partition()
    assert number is not None
    return number


def _offset(message: Message) -> int:
    offset = message.offset()
    assert offset is not None
    return offset
