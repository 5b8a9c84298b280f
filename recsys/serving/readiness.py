"""Whether the serving database can answer: reached, migrated, and which site has a live release."""

from datetime import datetime
from typing import Final

import asyncpg

from recsys.serving.migrate import Migration
from recsys.types import ReleaseId, SiteId

_VERSIONS: Final = "SELECT version FROM recsys.migration"
_POINTERS: Final = (
    "SELECT site, live.release_id, as_of FROM recsys.live_release AS live "
    "JOIN recsys.release USING (site, surface, release_id) WHERE surface = 'recommendations'"
)


async def missing_migrations(pool: asyncpg.Pool, known: list[Migration]) -> list[str]:
    """Names of the migrations of ``known`` that the database has not; all of them where it has none."""
    try:
        applied = {row["version"] for row in await pool.fetch(_VERSIONS)}
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        applied = set()
    return [migration.name for migration in known if migration.version not in applied]


async def live_releases(pool: asyncpg.Pool) -> dict[SiteId, tuple[ReleaseId, datetime]]:
    """Site to its live release and that release's ``as_of``; a site without one is absent."""
    return {row["site"]: (row["release_id"], row["as_of"]) for row in await pool.fetch(_POINTERS)}
