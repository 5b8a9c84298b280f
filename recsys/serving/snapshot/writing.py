"""Writes the snapshot of a published release, from its rows in Postgres, user after user: memory stays small."""

import asyncio
import json
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from math import nan
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

import asyncpg
import numpy as np
from numpy.typing import NDArray

from recsys.errors import StoreError, UnknownReleaseError
from recsys.serving.postgres_release import SEPARATOR
from recsys.serving.snapshot.form import ARRAYS, write
from recsys.serving.snapshot.snapshot import hash_of
from recsys.types import ReleaseId, UserId

USERS_AT_ONCE: Final = 500
"""What Postgres can send while those before are written: about a megabyte."""
MOST_REASONS: Final = 255
MOST_SOURCES: Final = 256

_RELEASE: Final = "SELECT site, as_of, created_at FROM recsys.release WHERE release_id = $1 AND published"
_ITEMS: Final = """
SELECT item_id, title, category, price, available, popularity_rank FROM recsys.item WHERE release_id = $1
ORDER BY item_id COLLATE "C"
"""
_POPULAR: Final = "SELECT category, item_ids, scores FROM recsys.popular WHERE release_id = $1"
_SIMILAR: Final = "SELECT item_id, item_ids, scores FROM recsys.similar WHERE release_id = $1"
_USERS: Final = """
SELECT user_id, item_ids, scores, sources, because, excluded, bought, seen FROM recsys.slate WHERE release_id = $1
ORDER BY user_id LIMIT $2
"""


async def write_snapshot(dsn: str, release_id: ReleaseId, path: Path, *, most_users: int) -> None:
    """``path`` is the snapshot of the release, with the first ``most_users`` users in the order of their ids.

    Raises:
        UnknownReleaseError: no such release is published.
        StoreError: its rows contradict each other.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = await asyncpg.connect(dsn)
    try:
        aside = tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}-")
        with aside as folder, _Arrays(Path(folder)) as arrays:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                release = await connection.fetchrow(_RELEASE, release_id)
                if release is None:
                    raise UnknownReleaseError(f"found no published release {release_id!r}; publish it first")
                numbers = _Numbers()
                categories = _catalogue(arrays, numbers, await connection.fetch(_ITEMS, release_id))
                _popular(arrays, numbers, categories, await connection.fetch(_POPULAR, release_id))
                items = len(numbers)
                _similar(arrays, numbers, items, await connection.fetch(_SIMILAR, release_id))
                sources = _Numbers()
                cursor = await connection.cursor(_USERS, release_id, most_users)
                names = await _all_users(arrays, numbers, sources, cursor)
                users = await connection.fetchval("SELECT count(*) FROM recsys.slate WHERE release_id = $1", release_id)
            _named(arrays, "name_at", "names", numbers)
            _hashed(arrays, "item", numbers)
            _named(arrays, "user_at", "users", names)
            _hashed(arrays, "user", names)
            write(
                path,
                arrays.closed(),
                **dict(release),
                release_id=release_id,
                items=items,
                users=len(names),
                all_users=len(names) == users,
                categories=tuple(categories),
                sources=tuple(sources),
            )
    finally:
        await connection.close()


class _Numbers(dict[str, int]):
    """Numbers for ids, in the order in which they first come."""

    def __missing__(self, key: str) -> int:
        self[key] = number = len(self)
        return number


class _Arrays:
    """One growing file for each array."""

    def __init__(self, folder: Path) -> None:
        self._paths = {name: folder / name for name in ARRAYS}
        self._files: dict[str, BinaryIO] = {}
        self._ends: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._files = {name: path.open("wb") for name, path in self._paths.items()}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.closed()

    def add(self, name: str, values: Iterable[Any] | NDArray[Any]) -> None:
        """The array goes on with these values."""
        kind = ARRAYS[name]
        if isinstance(values, np.ndarray):
            values.astype(kind, copy=False).tofile(self._files[name])
        else:
            array(kind, values).tofile(self._files[name])

    def add_parts(self, at: str, lengths: Sequence[int]) -> None:
        """``at`` goes on with where parts of these lengths end; it begins with 0."""
        if at not in self._ends:
            self._ends[at] = 0
            self.add(at, [0])
        ends = self._ends[at] + np.cumsum(np.asarray(lengths, dtype=np.uint64), dtype=np.uint64)
        self.add(at, ends)
        if len(ends):
            self._ends[at] = int(ends[-1])

    def closed(self) -> dict[str, Path]:
        """The files, whole."""
        for file in self._files.values():
            file.close()
        return self._paths


def _catalogue(arrays: _Arrays, numbers: _Numbers, rows: list[Any]) -> dict[str, int]:
    """Writes what is known of the items, and the shelves; returns the categories by number, from 1."""
    for row in rows:
        numbers[row["item_id"]]
    facts = [json.dumps([row["title"], row["category"], row["price"]], ensure_ascii=False).encode() for row in rows]
    arrays.add_parts("fact_at", [len(fact) for fact in facts])
    arrays.add("facts", np.frombuffer(b"".join(facts), np.uint8))
    arrays.add("available", [row["available"] for row in rows])
    arrays.add("prices", [nan if row["price"] is None else row["price"] for row in rows])
    arrays.add("ranks", [row["popularity_rank"] for row in rows])
    priced = [number for number, row in enumerate(rows) if row["available"] and row["price"] is not None]
    arrays.add("by_price", sorted(priced, key=lambda number: rows[number]["price"]))
    names = sorted({row["category"] for row in rows if row["category"] is not None})
    categories = {name: number for number, name in enumerate(names, start=1)}
    shelves: list[list[int]] = [[] for _ in range(len(names) + 1)]
    for number, row in sorted(enumerate(rows), key=lambda numbered: numbered[1]["popularity_rank"]):
        if row["available"]:
            shelves[0].append(number)
            if row["category"] is not None:
                shelves[categories[row["category"]]].append(number)
    arrays.add_parts("shelf_at", [len(shelf) for shelf in shelves])
    arrays.add("shelf", chain.from_iterable(shelves))
    return categories


def _popular(arrays: _Arrays, numbers: _Numbers, categories: dict[str, int], rows: list[Any]) -> None:
    known = {row["category"]: row for row in rows}
    lists = [known.get(category) for category in ("", *categories)]
    arrays.add_parts("popular_at", [len(row["item_ids"]) if row else 0 for row in lists])
    for row in filter(None, lists):
        arrays.add("popular", map(numbers.__getitem__, row["item_ids"]))
        arrays.add("popular_scores", row["scores"])


def _similar(arrays: _Arrays, numbers: _Numbers, items: int, rows: list[Any]) -> None:
    by_number = {numbers[row["item_id"]]: row for row in rows}
    lists = [by_number.get(number) for number in range(items)]
    arrays.add_parts("similar_at", [len(row["item_ids"]) if row else 0 for row in lists])
    for row in filter(None, lists):
        arrays.add("similar", map(numbers.__getitem__, row["item_ids"]))
        arrays.add("similar_scores", row["scores"])


async def _all_users(arrays: _Arrays, numbers: _Numbers, sources: _Numbers, cursor: Any) -> list[UserId]:
    """Writes the users of the cursor and returns their ids; while some are written, Postgres makes the next."""
    names: list[UserId] = []
    rows = await cursor.fetch(USERS_AT_ONCE)
    while rows:
        following = asyncio.ensure_future(cursor.fetch(USERS_AT_ONCE))
        await asyncio.sleep(0)  # it is asked for
        try:
            _users(arrays, numbers, sources, rows)
            names += [row["user_id"] for row in rows]
        finally:
            rows = await following
    return names


def _users(arrays: _Arrays, numbers: _Numbers, sources: _Numbers, rows: list[Any]) -> None:
    arrays.add_parts("slate_at", [len(row["item_ids"]) for row in rows])
    arrays.add("slate", map(numbers.__getitem__, _all(rows, "item_ids")))
    arrays.add("slate_scores", _all(rows, "scores"))
    of_items = list(map(sources.__getitem__, _all(rows, "sources")))
    if len(sources) > MOST_SOURCES:
        raise StoreError(f"found {len(sources)} sources of items, expected at most {MOST_SOURCES}")
    arrays.add("slate_sources", of_items)
    reasons = [because.split(SEPARATOR)[:MOST_REASONS] if because else [] for because in _all(rows, "because")]
    counts = np.fromiter(map(len, reasons), np.uint8, count=len(reasons))
    arrays.add("reason_counts", counts)
    before = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    ends = np.cumsum([len(row["because"]) for row in rows])
    arrays.add_parts("reason_at", np.diff(before[np.concatenate([[0], ends])]).tolist())
    arrays.add("reasons", map(numbers.__getitem__, chain.from_iterable(reasons)))
    for listed in ("excluded", "bought", "seen"):
        arrays.add_parts(f"{listed}_at", [len(row[listed]) for row in rows])
        arrays.add(listed, map(numbers.__getitem__, _all(rows, listed)))


def _all(rows: list[Any], column: str) -> Iterator[Any]:
    return chain.from_iterable(row[column] for row in rows)


def _named(arrays: _Arrays, at: str, array: str, names: Iterable[str]) -> None:
    encoded = [name.encode() for name in names]
    arrays.add_parts(at, [len(name) for name in encoded])
    arrays.add(array, np.frombuffer(b"".join(encoded), np.uint8))


def _hashed(arrays: _Arrays, kind: str, names: Iterable[str]) -> None:
    hashes = np.fromiter(map(hash_of, names), np.uint64)
    order = np.argsort(hashes, kind="stable")
    arrays.add(f"{kind}_hashes", hashes[order])
    arrays.add(f"hashed_{kind}s", order)
