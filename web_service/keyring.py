"""Brings the keys from Postgres into a worker's memory, and tells Postgres which were used. No request waits for it.

A host keeps what it knows in a file too, so that it knows the keys after a start while Postgres is away. The file holds
digests, from which no key can be found.
"""

import asyncio
import json
import logging
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import asyncpg

from recsys.serving.api_keys import SCOPES, note_used, read_keys
from recsys.serving.away import AWAY
from web_service.auth import Key, Keys

log = logging.getLogger(__name__)

LOOK_AGAIN: Final = 1.0
"""Seconds until a key that was made or revoked is known everywhere."""
TELL_AGAIN: Final = 60.0
"""Seconds between two notes of which keys were used."""
UNREADABLE: Final = (asyncpg.PostgresError, *AWAY)


class Keyring:
    """The keys beside the operator's."""

    def __init__(self, keys: Keys, pool: asyncpg.Pool, file: Path) -> None:
        self._keys = keys
        self._pool = pool
        self._file = file
        self._kept: list[dict[str, Any]] | None = None
        "What the file holds."

    async def start(self) -> None:
        """The keys are known: from Postgres, or, while it is away, as this host knew them last."""
        if not self._keys.needed:
            return
        try:
            await self._look()
        except UNREADABLE as fault:
            log.warning("Postgres does not answer (%s); the keys are those that this host knew last", fault)
            with suppress(FileNotFoundError, ValueError):
                self._take(json.loads(self._file.read_text(encoding="utf-8")))

    async def run(self) -> None:
        """Keeps them true, until cancelled. Without an answer from Postgres they stay as they are."""
        loop = asyncio.get_running_loop()
        tell_at = loop.time() + TELL_AGAIN
        while self._keys.needed:
            await asyncio.sleep(LOOK_AGAIN)
            try:
                await self._look()
                if loop.time() >= tell_at:
                    await self._tell()
                    tell_at = loop.time() + TELL_AGAIN
            except UNREADABLE as fault:
                log.debug("the keys were not read: %s", fault)

    async def drain(self) -> None:
        """Postgres knows which keys were used, if it answers."""
        try:
            await self._tell()
        except UNREADABLE as fault:
            log.warning("when keys were last used was not noted: %s", fault)

    async def _look(self) -> None:
        found = [_as_json(row) for row in await read_keys(self._pool)]
        if found != self._kept:
            self._take(found)
            self._keep(found)

    def _take(self, found: list[dict[str, Any]]) -> None:
        self._keys.know({bytes.fromhex(each["digest"]): _key(each) for each in found})

    def _keep(self, found: list[dict[str, Any]]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        aside = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(found, file)
        aside.rename(self._file)
        self._kept = found

    async def _tell(self) -> None:
        used, self._keys.used = self._keys.used, {}
        if used:
            await note_used(self._pool, {key_id: datetime.fromtimestamp(at, UTC) for key_id, at in used.items()})


def _as_json(row: asyncpg.Record) -> dict[str, Any]:
    ends = {"expires": row["expires_at"], "revoked": row["revoked_at"]}
    return {
        "digest": row["digest"].hex(),
        "key_id": row["key_id"],
        "site": row["site"],
        "scopes": row["scopes"],
        "ends": {why: end.timestamp() for why, end in ends.items() if end is not None},
    }


def _key(kept: dict[str, Any]) -> Key:
    scopes = SCOPES if "admin" in kept["scopes"] else kept["scopes"]
    return Key(kept["key_id"], frozenset(scopes), kept["site"], kept["ends"])
