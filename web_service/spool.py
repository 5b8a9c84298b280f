"""Events on disk while Postgres does not take them: accepted means durable, also then.

One file per worker, one line per batch: CRC-32 of the rest in eight hexadecimal digits, a blank, JSON. A line is on the
disk before its events are accepted. What a killed worker left behind is taken up by any other worker of the host.
"""

import errno
import fcntl
import json
import logging
import os
import uuid
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from recsys.errors import StoreError
from recsys.events.model import Interaction, ItemUpdate
from recsys.types import SiteId

log = logging.getLogger(__name__)

SUFFIX: Final = ".events"
BROKEN: Final = ".broken"
Told = Interaction | ItemUpdate
_EVENTS: Final[TypeAdapter[list[Told]]] = TypeAdapter(list[Told])


class SpoolFull(StoreError):
    """There is no more room for events on this host."""


class Spool:
    """The events that wait on this host."""

    def __init__(self, folder: Path, *, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._file: FileIO | None = None

    def size(self) -> int:
        """Bytes that wait in all files of the host."""
        size = 0
        for path in self._folder.glob(f"*{SUFFIX}"):
            with suppress(FileNotFoundError):  # another worker was done with it a moment ago
                size += path.stat().st_size
        return size

    def add(self, site: SiteId, events: Sequence[Told]) -> None:
        """The events are on the disk.

        Raises:
            SpoolFull: the files are as large as they may be, or the disk is full.
        """
        content = json.dumps({"site": site, "events": _EVENTS.dump_python(list(events), mode="json")}).encode()
        line = b"%08x %b\n" % (zlib.crc32(content), content)
        if (waiting := self.size()) + len(line) > self._most_bytes:
            raise SpoolFull(f"found {waiting} bytes of waiting events, expected at most {self._most_bytes}")
        try:
            self._write(line)
        except OSError as fault:
            raise SpoolFull(f"the disk takes no more events: {fault.strerror}") from fault

    def files(self) -> Iterator["Waiting"]:
        """Files that nobody writes any more, each kept from others while it is in use; this worker's own among them."""
        self.close()
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            with path.open("r+b", buffering=0) as file:
                if _locked(file) and path.exists():
                    yield Waiting(path, file)

    def close(self) -> None:
        """This worker's file is left to whoever takes it up; the next event begins another."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, line: bytes) -> None:
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = (self._folder / f"{uuid.uuid4().hex}{SUFFIX}").open("xb", buffering=0)
            _locked(self._file)
        start = self._file.tell()
        try:
            if self._file.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(start)  # half a line is no line
            self._file.seek(start)
            raise


class Waiting:
    """One file of events."""

    def __init__(self, path: Path, file: FileIO) -> None:
        self._path = path
        self._file = file

    def batches(self) -> Iterator[tuple[SiteId, list[Told]]]:
        """What was accepted. A line that was cut short was never accepted; it and those that rotted are set aside."""
        broken = []
        for line in self._file:
            crc, _, content = line.rstrip(b"\n").partition(b" ")
            if crc != b"%08x" % zlib.crc32(content):
                broken.append(line)
                continue
            batch = json.loads(content)
            yield batch["site"], _EVENTS.validate_python(batch["events"])
        if broken:
            log.error("%s: %d lines are broken; they are in %s", self._path.name, len(broken), BROKEN)
            self._path.with_suffix(BROKEN).write_bytes(b"".join(broken))

    def done(self) -> None:
        """All of it is in Postgres; the file is gone."""
        self._path.unlink()


def _locked(file: FileIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
