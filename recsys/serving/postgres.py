"""One way to open a transaction on the serving database."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from recsys.errors import StoreError

CONNECT_SECONDS = 10

__all__ = ["Cursor", "Row", "autocommit", "rows_in_utc", "server_time", "transaction"]

Row = tuple[Any, ...]


@contextmanager
def transaction(dsn: str) -> Iterator[Cursor]:
    """A cursor whose work is committed when the block ends, and undone when it raises or the process dies.

    Raises:
        StoreError: Postgres cannot be reached, or refuses a statement.
    """
    with _connected(dsn) as connection, connection, connection.cursor() as cursor:
        yield cursor


@contextmanager
def autocommit(dsn: str) -> Iterator[Cursor]:
    """A cursor whose statements each stand alone, for those that Postgres allows in no transaction.

    Raises:
        StoreError: Postgres cannot be reached, or refuses a statement.
    """
    with _connected(dsn) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor


@contextmanager
def _connected(dsn: str) -> Iterator[Connection]:
    connection = None
    try:
        connection = psycopg2.connect(dsn, connect_timeout=CONNECT_SECONDS)
        yield connection
    except psycopg2.OperationalError as fault:
        raise StoreError(
            f"Postgres does not answer: {_first_line(fault)}; see that it runs and that the address "
            "and password are right (RECSYS_POSTGRES_*)"
        ) from fault
    except psycopg2.Error as fault:
        raise StoreError(f"Postgres refused a statement: {_first_line(fault)}") from fault
    finally:
        if connection is not None:
            connection.close()


def rows_in_utc(dsn: str, statement: str, values: Sequence[Any] | Mapping[str, Any]) -> list[Row]:
    """Everything that a query finds; its times are in UTC.

    Raises:
        StoreError: Postgres cannot be reached, or refuses the statement.
    """
    with transaction(dsn) as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
        cursor.execute(statement, values)
        rows: list[Row] = cursor.fetchall()
    return rows


def server_time(dsn: str) -> datetime:
    """The moment by Postgres's clock: one clock for every host that releases, with a time zone."""
    with transaction(dsn) as cursor:
        cursor.execute("SELECT now()")
        row: Row = cursor.fetchone()
    moment: datetime = row[0]
    return moment


def _first_line(fault: psycopg2.Error) -> str:
    return str(fault).strip().partition("\n")[0]
