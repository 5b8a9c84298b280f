"""What the web service may do in Postgres: read what it answers from, write what it is told, move a pointer."""

from typing import Final

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import encrypt_password

from recsys.serving.postgres import CONNECT_SECONDS, Cursor, transaction

ROLE: Final = "recsys_web"

GRANTS: Final = {
    "api_key": "SELECT, UPDATE (last_used_at)",
    "erasure": "SELECT, INSERT, UPDATE (erased_at)",
    "event": "SELECT, INSERT, DELETE",
    "experiment": "SELECT, INSERT, UPDATE",
    "experiment_change": "SELECT, INSERT",
    "failed_answer": "SELECT, INSERT, DELETE",
    "impression": "SELECT, INSERT, DELETE",
    "item": "SELECT",
    "item_availability": "SELECT, INSERT, UPDATE",
    "item_update": "SELECT, INSERT",
    "live_release": "SELECT, INSERT, UPDATE",
    "migration": "SELECT",
    "popular": "SELECT",
    "ranker_file": "SELECT",
    "ranker_item": "SELECT",
    "ranker_user": "SELECT, DELETE",
    "release": "SELECT, UPDATE (state, activated_at, published, reason)",
    "release_change": "SELECT, INSERT",
    "similar": "SELECT",
    "slate": "SELECT, DELETE",
}
"""By table. Deletions are those of a user who asks to be forgotten; of a release its state and dates change."""

_THERE: Final = "SELECT 1 FROM pg_roles WHERE rolname = %s"
_TABLES: Final = """
SELECT relname FROM pg_class
WHERE relnamespace = 'recsys'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
"""


def grant(cursor: Cursor) -> None:
    """The role may do in this database what ``GRANTS`` says, as far as the tables are there, and nothing else."""
    cursor.execute(_THERE, (ROLE,))
    if cursor.fetchone() is None:
        return
    cursor.execute(_TABLES)
    tables = {name for (name,) in cursor.fetchall()}
    role = sql.Identifier(ROLE)
    cursor.execute("SELECT current_database()")
    database = sql.Identifier(cursor.fetchone()[0])
    cursor.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, role))
    cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA recsys TO {}").format(role))
    for table in sorted(tables & GRANTS.keys()):
        name = sql.Identifier("recsys", table)
        cursor.execute(sql.SQL("REVOKE ALL ON {} FROM {}").format(name, role))
        cursor.execute(sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(GRANTS[table]), name, role))


def let_in(dsn: str, password: str) -> None:
    """The role may log in with this password. Where it may already, nothing is changed, so no right to is needed.

    The password leaves this process only in the form in which Postgres keeps it.
    """
    if _logs_in(dsn, password):
        return
    with transaction(dsn) as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (ROLE,))
        kept = encrypt_password(password, ROLE, scope=cursor.connection, algorithm="scram-sha-256")
        cursor.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD %s").format(sql.Identifier(ROLE)), (kept,))


def _logs_in(dsn: str, password: str) -> bool:
    try:
        psycopg2.connect(dsn, user=ROLE, password=password, connect_timeout=CONNECT_SECONDS).close()
    except psycopg2.OperationalError:
        return False
    return True
