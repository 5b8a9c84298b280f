"""What a user did lately, as objects, and packed as it is kept in memory: some 50 bytes an event, a fifth of an object.

Packed events are one string of bytes, which the garbage collector does not look at. They never leave the process.
"""

import marshal
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
    """In their order."""
    return marshal.dumps(rows)


def unpack(packed: bytes) -> list[Row]:
    """The rows that were packed."""
    rows: list[Row] = marshal.loads(packed)
    return rows


def age(row: Row) -> tuple[float, float, EventId]:
    """Sorts newest first; equal times in the order of the ids."""
    return (-row[HAPPENED], -row[CAME], row[EVENT])
