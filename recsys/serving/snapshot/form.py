"""The form of a snapshot file: a header that says what follows, then flat arrays that are read where they lie.

::

    8 bytes   RECSYS01
    8 bytes   length of the header
    …         header, JSON: see Header
    …         the arrays of ARRAYS, each at a multiple of 8

A file appears whole under its name or not at all; one that was cut or changed is refused when it is opened.
"""

import json
import mmap
import os
import struct
import sys
import zlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from recsys.errors import StoreError
from recsys.types import Frozen, ReleaseId, SiteId

MAGIC: Final = b"RECSYS01"
_LENGTH: Final = struct.Struct("<Q")
ALIGNED: Final = 8
BLOCK: Final = 1 << 24

ARRAYS: Final[dict[str, str]] = {
    "name_at": "Q", "names": "B", "item_hashes": "Q", "hashed_items": "I",
    "fact_at": "Q", "facts": "B", "available": "B", "prices": "d", "ranks": "I", "by_price": "I",
    "shelf_at": "Q", "shelf": "I",
    "popular_at": "Q", "popular": "I", "popular_scores": "f",
    "similar_at": "Q", "similar": "I", "similar_scores": "f",
    "user_at": "Q", "users": "B", "user_hashes": "Q", "hashed_users": "I",
    "slate_at": "Q", "slate": "I", "slate_scores": "f", "slate_sources": "B",
    "reason_counts": "B", "reason_at": "Q", "reasons": "I",
    "excluded_at": "Q", "excluded": "I", "bought_at": "Q", "bought": "I", "seen_at": "Q", "seen": "I",
}  # fmt: skip
"""Arrays of a snapshot and the type of their elements, as ``array`` and ``memoryview`` name it; little-endian.

``x_at[n]`` to ``x_at[n + 1]`` is where the part of owner ``n`` lies in ``x``. Items are numbered in the order of their
ids; numbers from ``Header.items`` on are items that are only named as reasons. ``x_hashes`` is sorted and ``hashed_x``
has the number for each. ``prices`` has NaN where none is known; ``ranks`` is 1 for the most popular; ``by_price`` are
the available items that have a price, cheapest first. Shelves and popular lists: first the whole catalogue, then each
category of the header.
"""


class Header(Frozen):
    """What a snapshot holds."""

    site: SiteId
    release_id: ReleaseId
    as_of: datetime
    created_at: datetime
    "When the release was first recorded."
    items: int
    users: int
    all_users: bool
    "False: the release has more users than the snapshot; ask Postgres for those it does not hold."
    categories: tuple[str, ...]
    sources: tuple[str, ...]
    arrays: dict[str, tuple[int, int, int]]
    "Array to its offset and length in bytes, counted from the first array, and its CRC-32."


class Mapped:
    """An open snapshot file: its header and, by name, its arrays as views of the mapped memory."""

    def __init__(self, path: Path) -> None:
        """Opens and checks the file.

        Raises:
            StoreError: it is cut, changed, of another form, or cannot be read.
        """
        try:
            with path.open("rb") as file:
                self._memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as fault:
            raise StoreError(f"{path.name}: found no readable snapshot ({fault}); it is made again") from fault
        self.bytes = len(self._memory)
        view: Any = memoryview(self._memory)
        self.header, start = _header(view, path)
        self._arrays: dict[str, Any] = {}
        for name, kind in ARRAYS.items():
            offset, length, crc = self.header.arrays[name]
            part = view[start + offset : start + offset + length]
            if len(part) != length or _crc(part) != crc:
                raise StoreError(
                    f"{path.name}: found {name} cut or changed, expected {length} bytes as they were written"
                )
            self._arrays[name] = part.cast(kind)
        if (end := start + offset + length) + -end % ALIGNED != self.bytes:
            raise StoreError(
                f"{path.name}: found it cut or changed, {self.bytes} bytes, expected as many as were written"
            )
        self._memory.madvise(mmap.MADV_DONTNEED)  # what was only checked counts as this process's memory no more

    def __getitem__(self, name: str) -> Any:
        """The array as a ``memoryview`` of its numbers."""
        return self._arrays[name]


def write(path: Path, parts: Mapping[str, Path], **header: Any) -> None:
    """The file at ``path`` holds the arrays, whose bytes are the files ``parts``; they are used up."""
    if sys.byteorder != "little":
        raise StoreError("snapshots are little-endian; this machine is not")
    arrays, offset = {}, 0
    for name in ARRAYS:
        length = parts[name].stat().st_size
        arrays[name] = (offset, length, _file_crc(parts[name]))
        offset += length + -length % ALIGNED
    text = Header(arrays=arrays, **header).model_dump_json().encode()
    text += b" " * (-len(text) % ALIGNED)
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    with aside.open("wb") as file:
        file.write(MAGIC + _LENGTH.pack(len(text)) + text)
        for name in ARRAYS:
            with parts[name].open("rb") as part:
                while block := part.read(BLOCK):
                    file.write(block)
            file.write(b"\0" * (-arrays[name][1] % ALIGNED))
            parts[name].unlink()
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)


def _header(view: memoryview, path: Path) -> tuple[Header, int]:
    """The header, and where the arrays begin."""
    try:
        if bytes(view[:8]) != MAGIC:
            raise ValueError(f"begins with {bytes(view[:8])!r}, expected {MAGIC!r}")
        (length,) = _LENGTH.unpack(view[8:16])
        header = Header.model_validate(json.loads(bytes(view[16 : 16 + length])))
        if missing := ARRAYS.keys() - header.arrays.keys():
            raise ValueError(f"lacks {', '.join(sorted(missing))}")
    except (ValueError, struct.error, ValidationError) as fault:
        raise StoreError(f"{path.name}: found no snapshot of this version ({fault}); it is made again") from fault
    return header, 16 + length


def _crc(view: memoryview) -> int:
    return zlib.crc32(view)


def _file_crc(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            crc = zlib.crc32(block, crc)
    return crc
