"""What was shown to whom, from which release, and because of what."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg

from recsys.serving.contracts import Answer
from recsys.serving.postgres import transaction
from recsys.types import Frozen, ItemId, ReleaseId, RequestId, SiteId, UserId

_INSERT: Final = """
INSERT INTO recsys.impression (site, request_id, user_id, release_id, arm, item_ids, sources, because, served_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (site, request_id) DO NOTHING
"""
_READ: Final = """
SELECT user_id, release_id, arm, item_ids, sources, because, served_at FROM recsys.impression
WHERE site = %s AND request_id = %s
"""


class Impression(Frozen):
    """One slate that was shown; its lists have one element per item, in the order shown."""

    site: SiteId
    request_id: RequestId
    user_id: UserId | None
    release_id: ReleaseId
    arm: str
    item_ids: tuple[ItemId, ...]
    sources: tuple[str, ...]
    because: tuple[tuple[ItemId, ...], ...]
    "Empty for items without a reason, and for all of what older versions served."
    served_at: datetime


async def write_impressions(pool: asyncpg.Pool, answers: Sequence[tuple[Answer, datetime]]) -> None:
    """Each answer with the time it was served is one impression; one that is there already stays as it is."""
    await pool.executemany(
        _INSERT,
        [
            (
                *(answer.site, answer.request_id, answer.user_id, answer.release_id, answer.arm),
                *([item.item_id for item in answer.items], [item.source for item in answer.items]),
                *(json.dumps([item.because for item in answer.items]), served_at),
            )
            for answer, served_at in answers
        ],
    )


def read_impression(dsn: str, site: SiteId, request_id: RequestId) -> Impression | None:
    """What was shown in answer to one request; None where nothing was.

    Raises:
        StoreError: no Postgres.
    """
    with transaction(dsn) as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
        cursor.execute(_READ, (site, request_id))
        row = cursor.fetchone()
    if row is None:
        return None
    user_id, release_id, arm, item_ids, sources, because, served_at = row
    return Impression(
        site=site,
        request_id=request_id,
        user_id=user_id,
        release_id=release_id,
        arm=arm,
        item_ids=item_ids,
        sources=sources,
        because=because or ((),) * len(item_ids),
        served_at=served_at,
    )
