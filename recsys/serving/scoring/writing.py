"""Writes the parts of a published release's ranker into a folder, from its rows in Postgres, user after user."""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

import asyncpg
import numpy as np

from recsys import columns as c
from recsys.errors import UnknownReleaseError
from recsys.serving.scoring.arrays import ARRAYS, KINDS, close_up
from recsys.serving.scoring.form import DOCUMENTS
from recsys.serving.snapshot.snapshot import hash_of
from recsys.types import ReleaseId

USERS_AT_ONCE: Final = 2000

_DOCUMENTS: Final = "SELECT name, content FROM recsys.ranker_file WHERE release_id = $1"
_ITEMS: Final = """
SELECT item_id, category, facts FROM recsys.ranker_item WHERE release_id = $1 ORDER BY item_id COLLATE "C"
"""
_USERS: Final = """
SELECT * FROM recsys.ranker_user WHERE release_id = $1 ORDER BY user_id COLLATE "C" LIMIT $2
"""


async def write_parts(dsn: str, release_id: ReleaseId, folder: Path, *, most_users: int) -> None:
    """``folder`` has the parts of the release's ranker, with the first ``most_users`` users in the order of their ids.

    Raises:
        UnknownReleaseError: no release of this id is published with parts of its ranker.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    connection = await asyncpg.connect(dsn)
    try:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as aside:
            whole = Path(aside) / folder.name
            whole.mkdir()
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                documents = await connection.fetch(_DOCUMENTS, release_id)
                if {name for name, _ in documents} != set(DOCUMENTS):
                    raise UnknownReleaseError(
                        f"found no ranker of a published release {release_id!r}, expected one; set "
                        "serving.online_ranking.enabled in the site's YAML and train again"
                    )
                for name, content in documents:
                    (whole / name).write_bytes(content)
                with _Arrays(whole) as arrays:
                    await _write(connection, release_id, arrays, most_users)
            close_up(whole)
            whole.rename(folder)
    finally:
        await connection.close()


async def _write(connection: asyncpg.Connection, release_id: ReleaseId, arrays: "_Arrays", most_users: int) -> None:
    items = await connection.cursor(_ITEMS, release_id)
    names: list[str] = []
    while rows := await items.fetch(USERS_AT_ONCE):
        names += [row["item_id"] for row in rows]
        arrays.add("item_categories", [row["category"] for row in rows])
        arrays.join("item_facts", [row[c.FACTS] for row in rows])
    arrays.hashed("item", names)
    users = await connection.cursor(_USERS, release_id, most_users)
    names = []
    ends = dict.fromkeys(KINDS, 0)
    for kind in KINDS:
        arrays.add(f"{kind}_at", [0])
    while rows := await users.fetch(USERS_AT_ONCE):
        names += [row["user_id"] for row in rows]
        arrays.join("user_facts", [row[c.FACTS] for row in rows])
        for kind in KINDS:
            keys = [row[c.keys_of(kind)] for row in rows]
            arrays.join(c.keys_of(kind), keys)
            arrays.join(kind, [row[kind] for row in rows])
            size = np.dtype(ARRAYS[c.keys_of(kind)]).itemsize
            at = ends[kind] + np.cumsum([len(key) // size for key in keys])
            arrays.add(f"{kind}_at", at)
            ends[kind] = int(at[-1])
    arrays.hashed("user", names)


class _Arrays:
    """One growing file for each array."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, BinaryIO] = {}

    def __enter__(self) -> Self:
        self._files = {name: (self._folder / name).open("wb") for name in ARRAYS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for file in self._files.values():
            file.close()

    def add(self, name: str, values: Any) -> None:
        """The array goes on with these numbers."""
        np.asarray(values).astype(ARRAYS[name]).tofile(self._files[name])

    def join(self, name: str, packed: Iterable[bytes]) -> None:
        """The same, where they are bytes already."""
        self._files[name].write(b"".join(packed))

    def hashed(self, kind: str, names: Sequence[str]) -> None:
        """Names are found by their hash."""
        hashes = np.fromiter(map(hash_of, names), np.uint64, count=len(names))
        order = np.argsort(hashes, kind="stable")
        self.add(f"{kind}_hashes", hashes[order])
        self.add(f"hashed_{kind}s", order)
