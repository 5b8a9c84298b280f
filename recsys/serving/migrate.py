"""Brings the serving database up to date: numbered SQL files, applied once each, forward only."""

import hashlib
import sys
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from recsys.errors import StoreError
from recsys.serving import web_role
from recsys.serving.postgres import Cursor, transaction

LOCK: Final = 7_236_091
"Advisory lock of all migrations: two processes that start together apply each file once."

_PREPARE = """
CREATE SCHEMA IF NOT EXISTS recsys;
CREATE TABLE IF NOT EXISTS recsys.migration (
    version    integer     PRIMARY KEY,
    name       text        NOT NULL,
    checksum   text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""


@dataclass(frozen=True)
class Migration:
    """One file: its number, its name and what it does."""

    version: int
    name: str
    statements: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.statements.encode()).hexdigest()


def migrations() -> list[Migration]:
    """The migrations that ship with the library, in order."""
    folder = files("recsys.serving").joinpath("migrations")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [Migration(int(name[:4]), name, folder.joinpath(name).read_text(encoding="utf-8")) for name in names]


def migrate(dsn: str, known: list[Migration] | None = None) -> list[int]:
    """Every migration of ``known`` (default: those of the library) is applied; returns the versions applied now.

    The web service's role may do what it needs, and nothing else.

    All of it is one transaction: after a failure or a kill the database is as before.

    Raises:
        StoreError: a file that was applied earlier has changed or is gone, or Postgres refuses it.
    """
    known = migrations() if known is None else known
    with transaction(dsn) as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        cursor.execute("SET LOCAL client_min_messages = warning")
        cursor.execute(_PREPARE)
        applied = _applied(cursor)
        _require_unchanged(applied, {migration.version: migration for migration in known})
        pending = [migration for migration in known if migration.version not in applied]
        for migration in pending:
            cursor.execute(migration.statements)
            cursor.execute(
                "INSERT INTO recsys.migration (version, name, checksum) VALUES (%s, %s, %s)",
                (migration.version, migration.name, migration.checksum),
            )
        web_role.grant(cursor)
    return [migration.version for migration in pending]


def _applied(cursor: Cursor) -> dict[int, tuple[str, str]]:
    cursor.execute("SELECT version, name, checksum FROM recsys.migration")
    return {version: (name, checksum) for version, name, checksum in cursor.fetchall()}


def _require_unchanged(applied: dict[int, tuple[str, str]], known: dict[int, Migration]) -> None:
    for version, (name, checksum) in sorted(applied.items()):
        if version not in known:
            raise StoreError(
                f"the database has migration {name}, this version of recsys has not; it is older than the "
                "database: install the version that made it, or a newer one"
            )
        if known[version].checksum != checksum:
            raise StoreError(
                f"migration {name} was applied and has changed since; expected checksum {checksum[:12]}…, "
                f"found {known[version].checksum[:12]}…: restore the file and write a new migration"
            )


def main() -> int:
    """Migrates the database of the environment's settings; the web service may log in, where it has a password."""
    from recsys.layout import Settings

    settings = Settings()
    applied = migrate(settings.postgres_dsn())
    if password := settings.recsys_web_postgres_password.get_secret_value():
        web_role.let_in(settings.postgres_dsn(), password)
    sys.stdout.write(f"applied {applied}\n" if applied else "up to date\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
