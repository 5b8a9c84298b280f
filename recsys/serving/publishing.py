"""Brings the files of a release into Postgres, and takes the rows of a release out again.

What is live is moved in ``recsys.serving.lifecycle``; its functions are offered here too: a stage needs one import.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import polars as pl
from psycopg2 import sql

from recsys import columns as c
from recsys.errors import ReleaseError, StoreError
from recsys.serving.audit import LIBRARY, note
from recsys.serving.contracts import ReleaseSummary
from recsys.serving.files import FILES
from recsys.serving.lifecycle import activate, live_release, lock_release, record_release, releases, rollback
from recsys.serving.postgres import Cursor, transaction
from recsys.serving.release_parts import PARTS, Part
from recsys.serving.release_tables import LOCK_WAIT, attach, own_table, remove_tables
from recsys.serving.retirement import retire
from recsys.serving.scoring.parts import MODEL_PART, RANKER_PARTS
from recsys.types import ReleaseId, SiteId

__all__ = ["activate", "live_release", "publish", "publish_model", "record_release", "releases", "retire", "rollback"]

COPY_CHUNK: Final = 1 << 20
TOLD: Final = {"recommendations.parquet": "users", MODEL_PART.file: "files of a model"}
"""Counts that the audit names."""
QUOTE: Final = "\x01"
"Around each field on its way to Postgres: arrays are full of the usual quote, which would have to be doubled."


def publish(
    dsn: str,
    site: SiteId,
    release_id: ReleaseId,
    folder: Path,
    manifest_rows: Mapping[str, int],
    *,
    by: str = LIBRARY,
) -> dict[str, int]:
    """The files' rows are in Postgres, counted, and ready to be activated; returns rows per file.

    Everything is written aside in one transaction and attached at its end: after a failure or a kill nothing of the
    release is there, and the live one was never touched. A release that is published already is only counted: the same
    id is the same files. Users erased since the release's ``as_of`` are left out.

    ``folder`` holds the four files of ``recsys.serving.files.FILES``; ``manifest_rows`` says how many rows each of
    these files has, by file name (other names are ignored). Where it counts those of ``RANKER_PARTS`` too, they travel
    with the release.

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
    parts = [part for part in (*PARTS, *RANKER_PARTS) if part.file in manifest_rows]
    return _publish(dsn, site, release_id, folder, parts, manifest_rows, by=by)


def publish_model(dsn: str, site: SiteId, release_id: ReleaseId, folder: Path, *, by: str = LIBRARY) -> int:
    """The files in ``folder``, a predictor's, are in Postgres and ready to be activated; how many there are.

    Everything else is as for ``publish``.

    Raises:
        StoreError: no Postgres.
        ReleaseError: the release was not recorded before, was refused, or the folder is empty.
    """
    count = len(list(folder.iterdir()))
    if not count:
        raise ReleaseError(
            f"release {release_id}: found no file of its model, expected some; train the predictor again"
        )
    return _publish(dsn, site, release_id, folder, [MODEL_PART], {MODEL_PART.file: count}, by=by)[MODEL_PART.file]


def _publish(
    dsn: str,
    site: SiteId,
    release_id: ReleaseId,
    folder: Path,
    parts: Sequence[Part],
    expected: Mapping[str, int],
    *,
    by: str,
) -> dict[str, int]:
    with transaction(dsn) as cursor:
        release = _require_publishable(cursor, site, release_id)
        if release.published:
            return _counts(cursor, release_id, parts)
    remove_tables(dsn, release_id)
    with transaction(dsn) as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", (LOCK_WAIT,))
        release = _require_publishable(cursor, site, release_id)
        for part in parts:
            _write(cursor, part, release_id, folder)
        counts = _require_counts(release_id, _counts(cursor, release_id, parts), expected)
        for part in parts:
            if c.USER_ID in part.columns:
                _leave_out_erased(cursor, part.table, site, release_id)
            attach(cursor, part.table, release_id)
        cursor.execute(
            "UPDATE recsys.release SET published = true, removed_at = NULL WHERE release_id = %s", (release_id,)
        )
        told = ", ".join(f"{rows} {what}" for name, what in TOLD.items() if (rows := counts.get(name)) is not None)
        note(cursor, site, release_id, "publish", then=release.state, after=release.state, by=by, reason=told)
    return counts


def _require_publishable(cursor: Cursor, site: SiteId, release_id: ReleaseId) -> ReleaseSummary:
    release = lock_release(cursor, site, release_id)
    if release.state == "refused":
        raise ReleaseError(f"release {release_id} was refused ({release.reason}); a refused release is not published")
    return release


def _write(cursor: Cursor, part: Part, release_id: ReleaseId, folder: Path) -> None:
    """The rows stand in a table of their own, shaped and checked like a partition, that nobody reads yet.

    It is made in this transaction, so its rows are written frozen: nobody has to come back to them. The index follows
    when all rows are there.
    """
    names = {
        "own": own_table(part.table, release_id),
        "parent": sql.Identifier("recsys", part.table),
        "columns": sql.SQL(", ").join(map(sql.Identifier, part.columns)),
        "release": sql.Literal(release_id),
        "quote": sql.Literal(QUOTE),
    }
    cursor.execute(
        sql.SQL(
            "CREATE TABLE {own} (LIKE {parent} INCLUDING ALL EXCLUDING INDEXES, "
            "CONSTRAINT of_one_release CHECK (release_id = {release}))"
        ).format(**names)
    )
    cursor.execute(sql.SQL("ALTER TABLE {own} ALTER release_id SET DEFAULT {release}").format(**names))
    copy = sql.SQL("COPY {own} ({columns}) FROM STDIN (FORMAT csv, QUOTE {quote}, FREEZE)").format(**names)
    for text in _one_ahead(_as_csv(part, folder)):
        cursor.copy_expert(copy, text, COPY_CHUNK)
    cursor.execute(sql.SQL("ANALYZE {own}").format(**names))


def _as_csv(part: Part, folder: Path) -> Iterator[io.BytesIO]:
    for rows in part.batches(folder):
        yield csv_of(rows.select(part.columns))


def csv_of(rows: pl.DataFrame) -> io.BytesIO:
    """The rows as Postgres' COPY reads them, with ``QUOTE`` around each text; an empty field is null."""
    text = io.BytesIO()
    rows.write_csv(text, include_header=False, quote_style="non_numeric", quote_char=QUOTE)
    text.seek(0)
    return text


def _one_ahead(texts: Iterator[io.BytesIO]) -> Iterator[io.BytesIO]:
    """The same texts; each is made while Postgres takes in the one before."""
    with ThreadPoolExecutor(max_workers=1) as making:
        coming = making.submit(next, texts, None)
        while (text := coming.result()) is not None:
            coming = making.submit(next, texts, None)
            yield text


def _counts(cursor: Cursor, release_id: ReleaseId, parts: Sequence[Part]) -> dict[str, int]:
    counts = {}
    for part in parts:
        query = sql.SQL("SELECT {} FROM {}").format(sql.SQL(part.counted), own_table(part.table, release_id))
        cursor.execute(query)
        row = cursor.fetchone()
        counts[part.file] = int(row[0]) if row else 0
    return counts


def _require_counts(release_id: ReleaseId, found: dict[str, int], expected: Mapping[str, int]) -> dict[str, int]:
    wrong = [
        f"{name}: {rows} rows, expected {expected[name]}" for name, rows in found.items() if rows != expected[name]
    ]
    if wrong:
        raise StoreError(
            f"release {release_id}: {'; '.join(wrong)}; nothing was published, the live release is untouched; "
            "the files and the manifest are not of one release: build it again"
        )
    return found


def _leave_out_erased(cursor: Cursor, table: str, site: SiteId, release_id: ReleaseId) -> None:
    cursor.execute(
        sql.SQL(
            "DELETE FROM {} WHERE {} IN (SELECT e.user_id FROM recsys.erasure e, recsys.release r "
            "WHERE e.site = %s AND r.release_id = %s AND e.erased_at >= r.as_of)"
        ).format(own_table(table, release_id), sql.Identifier(c.USER_ID)),
        (site, release_id),
    )
