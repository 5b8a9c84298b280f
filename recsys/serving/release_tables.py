"""The tables of a release: a partition of each, made aside, attached when whole, taken away unnoticed."""

import hashlib
from typing import Final

from psycopg2 import sql

from recsys.serving.postgres import Cursor, autocommit, transaction
from recsys.types import ReleaseId

KEYS: Final = {
    "item": "item_id", "popular": "category", "similar": "item_id", "slate": "user_id",
    "ranker_file": "name", "ranker_item": "item_id", "ranker_user": "user_id",
}  # fmt: skip
"""Tables of a release, and the key of each beside the release."""
LOCK_WAIT: Final = "10s"
"Longest wait for who else attaches or detaches; a failed attempt changes nothing."

_OWN_TABLES: Final = """
SELECT relname, pg_total_relation_size(oid) FROM pg_class
WHERE relnamespace = 'recsys'::regnamespace AND relkind = 'r'
    AND relname ~ '^(item|popular|similar|slate|ranker_file|ranker_item|ranker_user)_[0-9a-f]{24}$'
"""

_ATTACHED: Final = """
SELECT inhdetachpending FROM pg_inherits
WHERE inhrelid = to_regclass(%s) AND inhparent = to_regclass(%s)
"""


def table_name(table: str, release_id: ReleaseId) -> str:
    """The release's own table; a digest, because an id may be longer than a table name."""
    return f"{table}_{hashlib.sha256(release_id.encode()).hexdigest()[:24]}"


def own_table(table: str, release_id: ReleaseId) -> sql.Identifier:
    """The same as SQL names it."""
    return sql.Identifier("recsys", table_name(table, release_id))


def attach(cursor: Cursor, table: str, release_id: ReleaseId) -> None:
    """Readers find the rows once the transaction is committed; nobody waits for it."""
    names = {
        "own": own_table(table, release_id),
        "parent": sql.Identifier("recsys", table),
        "key": sql.Identifier(KEYS[table]),
        "release": sql.Literal(release_id),
    }
    cursor.execute(sql.SQL("ALTER TABLE {own} ADD PRIMARY KEY (release_id, {key})").format(**names))
    cursor.execute(sql.SQL("ALTER TABLE {parent} ATTACH PARTITION {own} FOR VALUES IN ({release})").format(**names))
    cursor.execute(sql.SQL("ALTER TABLE {own} DROP CONSTRAINT of_one_release").format(**names))


def existing_tables(dsn: str) -> dict[str, int]:
    """Tables of releases and their bytes on disk, indexes included, attached or not."""
    with transaction(dsn) as cursor:
        cursor.execute(_OWN_TABLES)
        return dict(cursor.fetchall())


def remove_tables(dsn: str, release_id: ReleaseId) -> None:
    """The release's tables are gone, also those that a killed run left."""
    remove_named(dsn, [table_name(table, release_id) for table in KEYS])


def remove_named(dsn: str, names: list[str]) -> None:
    """These tables are gone. Requests go on meanwhile: a partition is detached beside its readers, then dropped.

    Raises:
        StoreError: someone held a table too long; what is left is gone after the next call.
    """
    with autocommit(dsn) as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", (LOCK_WAIT,))
        cursor.execute("SET client_min_messages = warning")
        for name in names:
            parent = name.rpartition("_")[0]
            cursor.execute(_ATTACHED, (f"recsys.{name}", f"recsys.{parent}"))
            attached = cursor.fetchone()
            own = sql.Identifier("recsys", name)
            if attached:
                how = sql.SQL("FINALIZE" if attached[0] else "CONCURRENTLY")
                statement = sql.SQL("ALTER TABLE {} DETACH PARTITION {} {}")
                cursor.execute(statement.format(sql.Identifier("recsys", parent), own, how))
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(own))
