"""API keys of sites: made, exchanged, ended, and read by the web service. The keys themselves are kept nowhere."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

import asyncpg
from pydantic import BaseModel, ConfigDict, Field

from recsys.errors import ConfigError
from recsys.serving.postgres import Cursor, transaction
from recsys.types import SiteId

Scope = Literal["read", "write", "admin"]
SCOPES: Final[tuple[Scope, ...]] = ("read", "write", "admin")
"""The admin scope opens the other two."""
PREFIX: Final = "recsys"
"""First part of every key, so that scanners find one that was committed or logged."""

_COLUMNS: Final = (
    "key_id, site, scopes, label, created_at, created_by, expires_at, revoked_at, revoked_by, replaced_by, last_used_at"
)
_INSERT: Final = """
INSERT INTO recsys.api_key (key_id, digest, site, scopes, label, created_at, created_by, expires_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
_OF_SITE: Final = f"SELECT {_COLUMNS} FROM recsys.api_key WHERE site IS NOT DISTINCT FROM %s"
_ALL: Final = "SELECT digest, key_id, site, scopes, expires_at, revoked_at FROM recsys.api_key ORDER BY key_id"
_NOTE_USED: Final = """
UPDATE recsys.api_key SET last_used_at = greatest(last_used_at, used.at)
FROM unnest($1::text[], $2::timestamptz[]) AS used (key_id, at) WHERE api_key.key_id = used.key_id
"""


class ApiKey(BaseModel):
    """What is kept of a key."""

    model_config = ConfigDict(frozen=True)

    key_id: str
    site: SiteId | None
    "None: all sites, also those to come."
    scopes: tuple[Scope, ...]
    label: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    replaced_by: str | None
    "The key that it was exchanged for."
    last_used_at: datetime | None
    "To the minute; None: never yet."

    def ends_at(self) -> datetime | None:
        """From when on it opens nothing; None: no end is known."""
        return min((end for end in (self.expires_at, self.revoked_at) if end is not None), default=None)


class NewKey(BaseModel):
    """A key, the only time that it can be seen."""

    model_config = ConfigDict(frozen=True)

    key: str = Field(repr=False)
    about: ApiKey


def digest(key: bytes) -> bytes:
    """How a key is kept and looked up. It has 256 random bits, so nothing is found out by trying."""
    return hashlib.sha256(key).digest()


def create_key(
    dsn: str,
    *,
    site: SiteId | None,
    scopes: Sequence[str],
    at: datetime,
    by: str,
    label: str = "",
    expires_at: datetime | None = None,
) -> NewKey:
    """The key opens these scopes of the site (None: of all sites) from now on.

    Raises:
        ConfigError: no scope, one that there is not, or an end that is over.
    """
    opens = [scope for scope in SCOPES if scope in scopes]
    if set(opens) != set(scopes) or not scopes:
        found = ", ".join(scopes) or "none"
        raise ConfigError(f"found scopes {found}; expected at least one of {', '.join(SCOPES)}, and no other")
    if expires_at is not None and expires_at <= at:
        raise ConfigError(f"found {expires_at.isoformat()} as the key's end, expected a time to come")
    with transaction(dsn) as cursor:
        return _insert(cursor, site, opens, label, at, by, expires_at)


def rotate_key(
    dsn: str,
    key_id: str,
    *,
    site: SiteId | None,
    at: datetime,
    by: str,
    overlap: timedelta,
    expires_at: datetime | None = None,
) -> NewKey:
    """A new key opens what the old one opens; both do until ``overlap`` has passed, then the old one has expired.

    Raises:
        ConfigError: the site has no such key, or it opens nothing any more.
    """
    with transaction(dsn) as cursor:
        old = _lock(cursor, site, key_id)
        ends_at = old.ends_at()
        if ends_at is not None and ends_at <= at:
            raise ConfigError(f"key {key_id} ended at {ends_at.isoformat()}; create a new one")
        new = _insert(cursor, site, old.scopes, old.label, at, by, expires_at)
        cursor.execute(
            "UPDATE recsys.api_key SET expires_at = least(expires_at, %s), replaced_by = %s WHERE key_id = %s",
            (at + overlap, new.about.key_id, key_id),
        )
    return new


def revoke_key(dsn: str, key_id: str, *, site: SiteId | None, at: datetime, by: str) -> ApiKey:
    """The key opens nothing any more; one that was revoked before stays as it is.

    Raises:
        ConfigError: the site has no such key.
    """
    with transaction(dsn) as cursor:
        _lock(cursor, site, key_id)
        cursor.execute(
            "UPDATE recsys.api_key SET revoked_at = %s, revoked_by = %s WHERE key_id = %s AND revoked_at IS NULL",
            (at, by, key_id),
        )
        return _lock(cursor, site, key_id)


def list_keys(dsn: str, site: SiteId | None) -> list[ApiKey]:
    """The keys of the site (None: those for all sites), newest first, also those that have ended."""
    with transaction(dsn) as cursor:
        cursor.execute(f"{_OF_SITE} ORDER BY created_at DESC, key_id", (site,))
        return [_key(row) for row in cursor.fetchall()]


async def read_keys(database: asyncpg.Pool) -> list[asyncpg.Record]:
    """Every key there ever was, in one order: digest, key_id, site, scopes, expires_at, revoked_at."""
    found: list[asyncpg.Record] = await database.fetch(_ALL)
    return found


async def note_used(database: asyncpg.Pool, used: Mapping[str, datetime]) -> None:
    """Each key was used at this time, or later."""
    await database.execute(_NOTE_USED, list(used), list(used.values()))


def _insert(
    cursor: Cursor,
    site: SiteId | None,
    scopes: Sequence[Scope],
    label: str,
    at: datetime,
    by: str,
    expires_at: datetime | None,
) -> NewKey:
    key_id = secrets.token_hex(6)
    key = f"{PREFIX}_{key_id}_{secrets.token_urlsafe(32)}"
    cursor.execute(_INSERT, (key_id, digest(key.encode()), site, list(scopes), label, at, by, expires_at))
    return NewKey(key=key, about=_lock(cursor, site, key_id))


def _lock(cursor: Cursor, site: SiteId | None, key_id: str) -> ApiKey:
    cursor.execute(f"{_OF_SITE} AND key_id = %s FOR UPDATE", (site, key_id))
    row = cursor.fetchone()
    if row is None:
        whose = f"site {site}" if site else "all sites"
        raise ConfigError(f"found no key {key_id!r} for {whose}; `recsys keys list` names them")
    return _key(row)


def _key(row: tuple[object, ...]) -> ApiKey:
    return ApiKey.model_validate(dict(zip(_COLUMNS.split(", "), row, strict=True)))
