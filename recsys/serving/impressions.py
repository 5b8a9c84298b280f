"""What was shown to whom, from which release, and because of what."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple

import asyncpg
import orjson
from pydantic import PositiveInt

from recsys.serving.contracts import Answer
from recsys.serving.postgres import Row, rows_in_utc, transaction
from recsys.types import Frozen, ItemId, ReleaseId, RequestId, SiteId, UserId

_FORGOTTEN: Final = """
SELECT site, user_id, erased_at FROM recsys.erasure WHERE site = ANY($1::text[]) AND erased_at >= $2
"""
_FORGET: Final = "DELETE FROM recsys.impression WHERE site = $1 AND user_id = $2 AND served_at <= $3"
_INSERT_FAILURE: Final = """
INSERT INTO recsys.failed_answer (site, user_id, arm, failed_at) SELECT $1::text, $2::text, $3::text, $4::timestamptz
WHERE NOT EXISTS (SELECT FROM recsys.erasure WHERE site = $1 AND user_id = $2 AND erased_at >= $4)
"""
_READ: Final = """
SELECT user_id, release_id, arm, item_ids, sources, because, first_position, served_at, model_version, surface
FROM recsys.impression
WHERE site = %s AND request_id = %s
"""


_READ_ALL: Final = """
SELECT request_id, user_id, item_ids, served_at, NULL, request_id, release_id FROM recsys.impression
WHERE site = %s AND served_at >= %s AND served_at < %s AND user_id IS NOT NULL AND first_position = 1
ORDER BY served_at, request_id
"""


_DIGEST: Final = """
SELECT count(*) || ' ' || coalesce(sum(hashtextextended(request_id, 0)), 0) FROM recsys.impression
WHERE site = %s AND served_at >= %s AND served_at < %s AND user_id IS NOT NULL AND first_position = 1
"""

ShownAs = Literal["recommendations", "session", "similar", "popular"]
"""What a list of items was asked for as."""


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
    first_position: PositiveInt = 1
    "Where the first of them stood; more than 1 where a client turned the page."
    served_at: datetime
    model_version: str | None = None
    "Of the model that was asked how the session goes on; None: none was."
    surface: ShownAs = "recommendations"


class Shown(NamedTuple):
    """An answer with items, as its row in the table of impressions."""

    site: SiteId
    request_id: RequestId
    user_id: UserId | None
    release_id: ReleaseId
    arm: str
    item_ids: list[ItemId]
    sources: list[str]
    because: str
    "JSON: of each item the items because of which it was shown."
    first_position: int
    served_at: datetime
    took_ms: float | None
    "From the question until the answer; None: it was one of many that were asked for together, or for nobody."
    model_version: str | None
    surface: ShownAs


def as_shown(
    answer: Answer,
    served_at: datetime,
    took_ms: float | None = None,
    surface: ShownAs = "recommendations",
) -> Shown:
    """What is written down of an answer, which has items."""
    items = answer["items"]
    return Shown(
        answer["site"],
        answer["request_id"],
        answer["user_id"],
        answer["release_id"],
        answer["arm"],
        [item["item_id"] for item in items],
        [item["source"] for item in items],
        orjson.dumps([item["because"] for item in items]).decode(),
        items[0]["position"],
        served_at,
        took_ms,
        answer.get("model_version"),
        surface,
    )


class Failed(NamedTuple):
    """A question of a user in an experiment that could not be answered, by a fault of ours."""

    site: SiteId
    user_id: UserId
    arm: str
    failed_at: datetime


async def write_impressions(pool: asyncpg.Pool, answers: Sequence[Shown]) -> None:
    """Each answer is one impression; one of a user who asked to be forgotten since is none.

    Rows are copied as they are: nothing costs Postgres less. All are written, or none.

    Raises:
        UniqueViolationError: an answer's request_id is there already; what was written first stays.
    """
    if not answers:
        return
    sites, oldest = {shown.site for shown in answers}, min(shown.served_at for shown in answers)
    async with pool.acquire() as connection, connection.transaction():
        await connection.copy_records_to_table(
            "impression", schema_name="recsys", columns=Shown._fields, records=answers
        )
        if forgotten := await connection.fetch(_FORGOTTEN, list(sites), oldest):
            await connection.executemany(_FORGET, forgotten)


async def write_failures(pool: asyncpg.Pool, failures: Sequence[Failed]) -> None:
    """What could not be answered is known, for the experiments' guardrails."""
    await pool.executemany(_INSERT_FAILURE, failures)


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
    user_id, release_id, arm, item_ids, sources, because, first_position, served_at, version, surface = row
    return Impression(
        site=site,
        request_id=request_id,
        user_id=user_id,
        release_id=release_id,
        arm=arm,
        item_ids=item_ids,
        sources=sources,
        because=because or ((),) * len(item_ids),
        first_position=first_position,
        served_at=served_at,
        model_version=version,
        surface=surface,
    )


def read_impressions(dsn: str, site: SiteId, start: datetime, end: datetime) -> list[Row]:
    """First pages that named users were shown from ``start`` until ``end`` (exclusive); columns of IMPRESSIONS, in UTC.

    Raises:
        StoreError: no Postgres.
    """
    return rows_in_utc(dsn, _READ_ALL, (site, start, end))


def impressions_digest(dsn: str, site: SiteId, start: datetime, end: datetime) -> str:
    """Differs where ``read_impressions`` gives others; one that was written never changes.

    Raises:
        StoreError: no Postgres.
    """
    with transaction(dsn) as cursor:
        cursor.execute(_DIGEST, (site, start, end))
        digest: str = cursor.fetchone()[0]
    return digest
