"""Whether the serving database can answer: reached, and migrated."""

from typing import Final

import asyncpg

from recsys.serving.migrate import Migration

_VERSIONS: Final = "SELECT version FROM recsys.migration"


async def missing_migrations(pool: asyncpg.Pool, known: list[Migration]) -> list[str]:
    """Names of the migrations of ``known`` that the database has not; all of them where it has none."""
    try:
        applied = {row["version"] for row in await pool.fetch(_VERSIONS)}
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        applied = set()
    return [migration.name for migration in known if migration.version not in applied]
