"""What was shown between two moments, for the statistics of experiments."""

from datetime import datetime
from typing import Final

from recsys.serving.postgres import Row, rows_in_utc, transaction
from recsys.types import ReleaseId, SiteId

_READ: Final = """
SELECT request_id, user_id, arm, item_ids, served_at FROM recsys.impression
WHERE site = %s AND served_at >= %s AND served_at < %s AND surface = 'recommendations' ORDER BY served_at, request_id
"""

_SHOWN_BY: Final = """
SELECT request_id, user_id, item_ids FROM recsys.impression
WHERE site = %s AND release_id = %s AND user_id IS NOT NULL ORDER BY served_at, request_id
"""
_ANSWERS: Final = """
SELECT user_id, arm, served_at, took_ms::float8, false FROM recsys.impression
WHERE site = %(site)s AND served_at >= %(start)s AND served_at < %(end)s AND took_ms IS NOT NULL
UNION ALL
SELECT user_id, arm, failed_at, 0::float8, true FROM recsys.failed_answer
WHERE site = %(site)s AND failed_at >= %(start)s AND failed_at < %(end)s
"""


def read_slates(dsn: str, site: SiteId, start: datetime, end: datetime) -> list[Row]:
    """Slates recommended from ``start`` until ``end``: request_id, user_id, arm, item_ids, served_at; times in UTC.

    Raises:
        StoreError: no Postgres.
    """
    return rows_in_utc(dsn, _READ, (site, start, end))


def read_answers(dsn: str, site: SiteId, start: datetime, end: datetime) -> list[Row]:
    """How requests were answered from ``start`` until ``end``: user_id, arm, served_at, latency_ms, requests_failed.

    Those of users in experiments; what failed has no latency of its own and counts as 0. Times in UTC.

    Raises:
        StoreError: no Postgres.
    """
    return rows_in_utc(dsn, _ANSWERS, {"site": site, "start": start, "end": end})


def read_shown_by(dsn: str, site: SiteId, release_id: ReleaseId) -> list[Row]:
    """What one release showed to users with a name: request_id, user_id, item_ids.

    Raises:
        StoreError: no Postgres.
    """
    with transaction(dsn) as cursor:
        cursor.execute(_SHOWN_BY, (site, release_id))
        rows: list[Row] = cursor.fetchall()
    return rows
