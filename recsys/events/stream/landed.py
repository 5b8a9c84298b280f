"""Messages as they came, in files: one file is an unbroken stretch of offsets of one partition of a topic.

A file is called ``<first offset>-<last offset>.<days>.<told by>.parquet``. So the offsets are committed with the
messages, in one step: what comes next is the offset after the last one that a file names. Files may overlap, when two
wrote at once; each offset counts in one of them alone. The days are those on which the messages happened, as told by
the configuration whose fingerprint ends the name.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.events.schema import TIME

MESSAGES: Final = pl.Schema({c.OFFSET: pl.Int64(), c.TIMESTAMP: TIME, c.MESSAGE: pl.String(), c.REASON: pl.String()})
"""One row per message, by offset. ``timestamp`` is the broker's; null where it has none. ``reason`` is why there is no
event in it, known before it is looked at; null where there may be one."""

LANDED: Final = "landed"
"The folder of all landed messages, under the data URL."
MOST_DAYS: Final = 12
"A name lists so many days; of more it says the first and the last."

NAME: Final = re.compile(r"(?P<first>\d{20})-(?P<last>\d{20})\.(?P<days>[\w-]+)\.(?P<told_by>\w+)\.parquet")
JOINED, UNTIL, UNDATED = "_", "--", "none"


@dataclass(frozen=True)
class Days:
    """The UTC days of some messages."""

    days: tuple[date, ...]
    "In order, each once; of more than MOST_DAYS, after a journey through a name, the first and the last."
    exact: bool = True
    "False: any day between the first and the last may be one of them as well."
    undated: bool = False
    "True: some message has no usable time."

    @property
    def name(self) -> str:
        if len(self.days) > MOST_DAYS or not self.exact:
            told = [f"{self.days[0]}{UNTIL}{self.days[-1]}"]
        else:
            told = [day.isoformat() for day in self.days]
        return JOINED.join(told + [UNDATED] * self.undated)

    @classmethod
    def named(cls, name: str) -> "Days":
        """Raises ValueError: it is no such name."""
        told = name.split(JOINED)
        undated = told[-1] == UNDATED
        told = told[:-1] if undated else told
        exact = UNTIL not in name
        if not exact:
            told = told[0].split(UNTIL)
        return cls(tuple(date.fromisoformat(day) for day in told), exact, undated)

    def may_have(self, first: date, last: date) -> bool:
        """Whether a message of these UTC days, both included, can be among them."""
        if self.exact:
            return any(first <= day <= last for day in self.days)
        return self.days[0] <= last and first <= self.days[-1]


@dataclass(frozen=True)
class Landed:
    """One file, by its name."""

    partition: int
    first: int
    "First offset."
    last: int
    "Last offset, included."
    days: Days
    told_by: str
    "Fingerprint of the configuration that told the days."

    @property
    def name(self) -> str:
        """Below the topic's folder."""
        return f"{self.partition}/{self.first:020}-{self.last:020}.{self.days.name}.{self.told_by}.parquet"

    @classmethod
    def named(cls, name: str) -> "Landed | None":
        """The file of this name below the topic's folder; None where it is no such file."""
        partition, _, rest = name.partition("/")
        match = NAME.fullmatch(rest)
        if match is None or not partition.isdecimal():
            return None
        days = Days.named(match["days"])
        return cls(int(partition), int(match["first"]), int(match["last"]), days, match["told_by"])

    def may_touch(self, first: date, last: date, *, told_by: str) -> bool:
        """Whether messages of these UTC days (both included), or of no day, may be in it."""
        return self.told_by != told_by or self.days.undated or self.days.may_have(first, last)


def folder(site: str, topic: str) -> str:
    """Where the messages of a site's topic land, under the data URL."""
    return f"{LANDED}/{site}/{topic}"


def next_offsets(files: Iterable[Landed]) -> dict[int, int]:
    """By partition: the offset after the last one that landed."""
    offsets: dict[int, int] = {}
    for file in files:
        offsets[file.partition] = max(offsets.get(file.partition, 0), file.last + 1)
    return offsets


def first_missing(files: Iterable[Landed], partition: int, offset: int) -> int:
    """The first offset from ``offset`` on that did not land."""
    for file in sorted((file for file in files if file.partition == partition), key=lambda each: each.first):
        if file.first <= offset <= file.last:
            offset = file.last + 1
    return offset


def owned(files: Iterable[Landed]) -> Iterator[tuple[Landed, int]]:
    """Each file with the first offset that counts in it, so that every offset counts once.

    A file that others hold as a whole has none: the offset is then beyond its last.
    """
    partition, reached = -1, 0
    for file in sorted(files, key=lambda each: (each.partition, each.first, -each.last, each.name)):
        if file.partition != partition:
            partition, reached = file.partition, 0
        yield file, max(file.first, reached)
        reached = max(reached, file.last + 1)
