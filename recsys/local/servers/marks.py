"""Which program's tables a database holds, as a comment on the database: what is up to date is not migrated again."""

import psycopg2
from psycopg2 import sql


def read(dsn: str) -> str | None:
    """The version whose tables the database holds; None: nobody has written one yet."""
    connection = psycopg2.connect(dsn)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
            )
            row = cursor.fetchone()
            return row[0] if row else None
    finally:
        connection.close()


def write(dsn: str, version: str) -> None:
    """The database says ``version`` from now on."""
    connection = psycopg2.connect(dsn)
    try:
        with connection, connection.cursor() as cursor:
            name = sql.Identifier(connection.info.dbname)
            cursor.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, sql.Literal(version)))
    finally:
        connection.close()
