"""What was shown between two moments, for the statistics of experiments."""

from datetime import datetime
from typing import Final

from recsys.serving.postgres import Row, transaction
from recsys.types import SiteId

_READ: Final = """
SELECT request_id, user_id, arm, item_ids, served_at FROM recsys.impression
WHERE site = %s AND served_at >= %s AND served_at < %s ORDER BY served_at, request_id
"""


def read_slates(dsn: str, site: SiteId, start: datetime, end: datetime) -> list[Row]:
    """Slates served from ``start`` until ``end``: request_id, user_id, arm, item_ids, served_at; times in UTC.

    Raises:
        StoreError: no Postgres.
    """
    with transaction(dsn) as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
        cursor.execute(_READ, (site, start, end))
        rows: list[Row] = cursor.fetchall()
    return rows
