"""What a user did lately, as objects, and packed as it is kept in memory: some 50 bytes an event, a fifth of an object.

Packed events are one string of bytes, which the garbage collector does not look at. They never leave the process.
"""

import marshal
import sys
from collections.abc import Iterable
from itertools import starmap
from typing import Any, Final, NamedTuple

from recsys.types import EventId, ItemId

Row = tuple[Any, ...]
"""The fields of a ``SeenEvent`` as a plain tuple, which is what ``marshal`` takes."""
EVENT: Final = 0
ITEM: Final = 1
TYPE: Final = 2
HAPPENED: Final = 3
CAME: Final = 4
SESSION: Final = 5
STEP: Final = 256
"""Longer packed events take a multiple of so many bytes of memory."""
SHORT: Final = 512
"""Bytes up to which Python's own allocator keeps an object, in pools of one size each."""
AROUND: Final = sys.getsizeof(b"") + 8
"""Bytes that an object of bytes takes besides its content, and the system's allocator for each block."""


class SeenEvent(NamedTuple):
    """Something a user did."""

    event_id: EventId
    item_id: ItemId
    event_type: str
    timestamp: float
    "Seconds since 1970, UTC; so is the next."
    received_at: float
    session_id: str | None = None


def seen(rows: Iterable[Row]) -> list[SeenEvent]:
    """The events of these rows."""
    return list(starmap(SeenEvent, rows))


def pack(rows: list[Row]) -> bytes:
    """In their order.

    Longer ones are filled up to a step, so that what replaces them as the user goes on fits where others were. With
    blocks of any size memory grew by half: what was left between them fitted nobody.
    """
    packed = marshal.dumps(rows)
    size = len(packed) + AROUND
    return packed if size <= SHORT else packed + bytes(-size % STEP)


def unpack(packed: bytes) -> list[Row]:
    """The rows that were packed; what fills them up is passed over."""
    rows: list[Row] = marshal.loads(packed)
    return rows


def age(row: Row) -> tuple[float, float, EventId]:
    """Sorts newest first; equal times in the order of the ids."""
    return (-row[HAPPENED], -row[CAME], row[EVENT])
