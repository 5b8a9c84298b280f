"""The log of what was erased: proof that it was done, without the names of those who asked.

One object per user and site, ``events/<site>/erasures/<number>.json``, holds a salted scrypt hash of the user's id: who
knows an id can check that it was erased, and trying all ids is made expensive.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from datetime import datetime

from pydantic import AwareDatetime, NonNegativeInt

from recsys.datasets.blobs import Blobs
from recsys.types import Frozen, SiteId, UserId

SALT_BYTES = 16


class Erasure(Frozen):
    """One user's events were taken out of the log."""

    user_hash: str
    "scrypt of the user's id, hex."
    salt: str
    "Hex."
    erased_at: AwareDatetime
    "When the user asked; what came before is gone."
    partitions: tuple[str, ...]
    "Partitions that were written again."
    rows: NonNegativeInt
    "Interactions and impressions that were taken out."

    def is_of(self, user: UserId) -> bool:
        return _hash(user, bytes.fromhex(self.salt)) == self.user_hash


class Erasures:
    """The erasures of one site, in the order in which they were done."""

    def __init__(self, blobs: Blobs, site: SiteId) -> None:
        self.blobs = blobs
        self._folder = f"events/{site}/erasures/"

    def all(self) -> list[Erasure]:
        return [Erasure.model_validate_json(self.blobs.get(key)) for key in self.blobs.list(self._folder)]

    def add(self, user: UserId, *, erased_at: datetime, partitions: Iterable[str], rows: int) -> Erasure:
        """The erasure is noted; doing it twice notes it twice."""
        salt = os.urandom(SALT_BYTES)
        done = Erasure(
            user_hash=_hash(user, salt),
            salt=salt.hex(),
            erased_at=erased_at,
            partitions=tuple(sorted(partitions)),
            rows=rows,
        )
        number = len(self.blobs.list(self._folder)) + 1
        content = json.dumps(done.model_dump(mode="json"), indent=1)
        self.blobs.put(f"{self._folder}{number:06}-{done.user_hash[:12]}.json", content.encode())
        return done


def _hash(user: UserId, salt: bytes) -> str:
    return hashlib.scrypt(user.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32).hex()
