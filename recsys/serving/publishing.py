"""Brings the files of a release into Postgres, and takes old releases out again.

What is live is moved in ``recsys.serving.lifecycle``; its functions are offered here too: a stage needs one import.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl
from psycopg2 import sql

from recsys import columns as c
from recsys.errors import ReleaseError, StoreError
from recsys.serving.files import FILES, read_batches, read_file
from recsys.serving.lifecycle import (
    activate,
    live_release,
    lock_release,
    record_release,
    releases,
    rollback,
    set_state,
)
from recsys.serving.postgres import Cursor, transaction
from recsys.serving.rows import item_rows, popular_rows, similar_rows, slate_rows
from recsys.types import ReleaseId, SiteId

__all__ = [
    "activate",
    "drop",
    "live_release",
    "publish",
    "record_release",
    "releases",
    "retire",
    "rollback",
    "set_state",
]

COPY_CHUNK: Final = 1 << 20
LOCK_WAIT: Final = "10s"
"Longest wait for readers when partitions are attached or dropped; a failed attempt changes nothing."


_OLD_RELEASES: Final = """
SELECT release_id FROM (
    SELECT release_id, state, created_at FROM recsys.release WHERE site = %s AND published
    ORDER BY created_at DESC, release_id DESC OFFSET %s
) AS older
WHERE state IN ('retired', 'failed', 'refused')
    AND release_id NOT IN (SELECT previous FROM recsys.live_release WHERE site = %s AND previous IS NOT NULL)
ORDER BY created_at DESC, release_id DESC
"""


@dataclass(frozen=True)
class _Part:
    """One table of a release: the file it comes from and how rows are made of it."""

    table: str
    file: str
    columns: tuple[str, ...]
    counted: str
    "SQL: how many rows of the file the table holds."
    batches: Callable[[Path], Iterator[pl.DataFrame]]


_PARTS: Final = (
    _Part(
        "item",
        "items.parquet",
        ("item_id", "title", "category", "price", "available", "popularity_rank"),
        "count(*)",
        lambda folder: iter([item_rows(read_file(folder, "items.parquet"), read_file(folder, "top_popular.parquet"))]),
    ),
    _Part(
        "popular",
        "top_popular.parquet",
        ("category", "item_ids", "scores"),
        "coalesce(sum(cardinality(item_ids)), 0)",
        lambda folder: iter([popular_rows(read_file(folder, "top_popular.parquet"))]),
    ),
    _Part(
        "similar",
        "similar.parquet",
        ("item_id", "item_ids", "scores"),
        "coalesce(sum(cardinality(item_ids)), 0)",
        lambda folder: iter([similar_rows(read_file(folder, "similar.parquet"))]),
    ),
    _Part(
        "slate",
        "recommendations.parquet",
        ("user_id", "item_ids", "scores", "sources", "because", "excluded"),
        "count(*)",
        lambda folder: map(slate_rows, read_batches(folder, "recommendations.parquet")),
    ),
)


def publish(
    dsn: str, site: SiteId, release_id: ReleaseId, folder: Path, manifest_rows: Mapping[str, int]
) -> dict[str, int]:
    """The files' rows are in Postgres, counted, and ready to be activated; returns rows per file.

    Everything is written aside in one transaction and attached at its end: after a failure or a kill nothing of the
    release is there, and the live one was never touched. Publishing again writes the rows again, except for a release
    that answers requests now: its rows are only counted. Users erased since the release's ``as_of`` are left out.

    ``folder`` holds the four files of ``recsys.serving.files.FILES``; ``manifest_rows`` says how many rows each of
    these files has, by file name (other names are ignored).

    Raises:
        StoreError: rows written ≠ rows expected, a row that Postgres refuses, or no Postgres.
        ReleaseError: the release was not recorded before, or was refused.
        DataError: a file is missing or not in its form.
    """
    missing = sorted(FILES.keys() - manifest_rows.keys())
    if missing:
        raise StoreError(
            f"release {release_id}: the manifest counts no rows of {', '.join(missing)}; expected a count "
            f"of each of {', '.join(FILES)}"
        )
    with transaction(dsn) as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", (LOCK_WAIT,))
        release = lock_release(cursor, site, release_id)
        if release.state == "refused":
            raise ReleaseError(
                f"release {release_id} was refused ({release.reason}); a refused release is not published"
            )
        if release.published and release.state in ("live", "canary"):
            return _counts(cursor, release_id)
        _drop(cursor, release_id)
        for part in _PARTS:
            _write(cursor, part, release_id, folder)
        counts = _require_counts(release_id, _counts(cursor, release_id), manifest_rows)
        _leave_out_erased(cursor, site, release_id)
        for part in _PARTS:
            _attach(cursor, part, release_id)
        cursor.execute("UPDATE recsys.release SET published = true WHERE release_id = %s", (release_id,))
    return counts


def retire(dsn: str, site: SiteId, keep: int) -> list[ReleaseId]:
    """Rows of old releases are gone; returns the releases that lost theirs, oldest first.

    Kept are the site's ``keep`` newest published releases, and whatever their age the live one, the one that a roll
    back would go to, canaries, and what is still being made. A release without rows stays in the list, with its report.

    Raises:
        StoreError: readers held the tables too long; nothing was dropped, try again.
    """
    if keep < 0:
        raise ReleaseError(f"keep: found {keep}, expected 0 or more releases to keep")
    with transaction(dsn) as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", (LOCK_WAIT,))
        cursor.execute(_OLD_RELEASES, (site, keep, site))
        dropped = [row[0] for row in reversed(cursor.fetchall())]
        for release_id in dropped:
            _drop(cursor, release_id)
            cursor.execute("UPDATE recsys.release SET published = false WHERE release_id = %s", (release_id,))
    return dropped


def drop(dsn: str, site: SiteId, release_id: ReleaseId) -> None:
    """The rows of one release are gone; the release stays in the list, with its report.

    Raises:
        ReleaseError: it is the live one, the one before it, or still being made.
    """
    with transaction(dsn) as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", (LOCK_WAIT,))
        release = lock_release(cursor, site, release_id)
        cursor.execute("SELECT previous FROM recsys.live_release WHERE site = %s", (site,))
        if release.state not in ("retired", "failed", "refused") or cursor.fetchone() == (release_id,):
            raise ReleaseError(
                f"release {release_id}: found it {release.state}, or next in line for a roll back; expected one that "
                "is neither live, nor the one before, nor being made"
            )
        _drop(cursor, release_id)
        cursor.execute("UPDATE recsys.release SET published = false WHERE release_id = %s", (release_id,))


def _partition(part: _Part, release_id: ReleaseId) -> sql.Identifier:
    """The release's own table; a digest, because an id may be longer than a table name."""
    return sql.Identifier("recsys", f"{part.table}_{hashlib.sha256(release_id.encode()).hexdigest()[:24]}")


def _drop(cursor: Cursor, release_id: ReleaseId) -> None:
    cursor.execute("SET LOCAL client_min_messages = warning")
    for part in _PARTS:
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(_partition(part, release_id)))


def _write(cursor: Cursor, part: _Part, release_id: ReleaseId, folder: Path) -> None:
    """The rows stand in a table of their own, shaped and checked like a partition, that nobody reads yet."""
    names = {
        "own": _partition(part, release_id),
        "parent": sql.Identifier("recsys", part.table),
        "columns": sql.SQL(", ").join(map(sql.Identifier, part.columns)),
        "release": sql.Literal(release_id),
    }
    cursor.execute(
        sql.SQL(
            "CREATE TABLE {own} (LIKE {parent} INCLUDING ALL, CONSTRAINT of_one_release CHECK (release_id = {release}))"
        ).format(**names)
    )
    cursor.execute(sql.SQL("ALTER TABLE {own} ALTER release_id SET DEFAULT {release}").format(**names))
    copy = sql.SQL("COPY {own} ({columns}) FROM STDIN (FORMAT csv)").format(**names)
    for rows in part.batches(folder):
        text = io.BytesIO()
        rows.select(part.columns).write_csv(text, include_header=False, quote_style="non_numeric")
        text.seek(0)
        cursor.copy_expert(copy, text, COPY_CHUNK)
    cursor.execute(sql.SQL("ANALYZE {own}").format(**names))


def _attach(cursor: Cursor, part: _Part, release_id: ReleaseId) -> None:
    names = {
        "own": _partition(part, release_id),
        "parent": sql.Identifier("recsys", part.table),
        "release": sql.Literal(release_id),
    }
    cursor.execute(sql.SQL("ALTER TABLE {parent} ATTACH PARTITION {own} FOR VALUES IN ({release})").format(**names))
    cursor.execute(sql.SQL("ALTER TABLE {own} DROP CONSTRAINT of_one_release").format(**names))


def _counts(cursor: Cursor, release_id: ReleaseId) -> dict[str, int]:
    counts = {}
    for part in _PARTS:
        query = sql.SQL("SELECT {} FROM {}").format(sql.SQL(part.counted), _partition(part, release_id))
        cursor.execute(query)
        row = cursor.fetchone()
        counts[part.file] = int(row[0]) if row else 0
    return counts


def _require_counts(release_id: ReleaseId, found: dict[str, int], expected: Mapping[str, int]) -> dict[str, int]:
    wrong = [
        f"{name}: {found[name]} rows, expected {expected[name]}" for name in FILES if found[name] != expected[name]
    ]
    if wrong:
        raise StoreError(
            f"release {release_id}: {'; '.join(wrong)}; nothing was published, the live release is untouched; "
            "the files and the manifest are not of one release: build it again"
        )
    return found


def _leave_out_erased(cursor: Cursor, site: SiteId, release_id: ReleaseId) -> None:
    slate = next(part for part in _PARTS if part.table == "slate")
    cursor.execute(
        sql.SQL(
            "DELETE FROM {} WHERE {} IN (SELECT e.user_id FROM recsys.erasure e, recsys.release r "
            "WHERE e.site = %s AND r.release_id = %s AND e.erased_at >= r.as_of)"
        ).format(_partition(slate, release_id), sql.Identifier(c.USER_ID)),
        (site, release_id),
    )
