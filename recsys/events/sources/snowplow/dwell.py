"""How long a page was looked at: heart-beats of one page view, summed up by the hour in which they were filed."""

import hashlib
from datetime import datetime
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.events.sources.snowplow.canonical import EVENT_ID, SESSION
from recsys.events.sources.snowplow.table import ITEM, PAGE_VIEW, USER

VISIT: Final = (PAGE_VIEW, USER, ITEM)
"Who looked at what; pages whose tracker sends no page view id are told apart by user and item alone."

DWELL: Final = "dwell"

PINGS: Final = (*VISIT, SESSION, EVENT_ID, c.TIMESTAMP)
"What is remembered of a ping until its hour is read to the end."


def dwell(pings: pl.DataFrame, hour: datetime, *, heartbeat_seconds: float) -> pl.DataFrame:
    """One row per visit: VISIT, and what the pings say together.

    Args:
        pings: columns PINGS, of one hour; user, item and timestamp not null. One ping delivered twice counts once.
        hour: under which they were filed.
        heartbeat_seconds: time between two pings.

    Returns:
        VISIT and, as one column DWELL: event_id, timestamp (of the last ping), value (seconds), session_id (the first
        by name, where there are more).
    """
    delivered = pl.col(EVENT_ID).n_unique() - pl.col(EVENT_ID).has_nulls() + pl.col(EVENT_ID).null_count()
    visits = pings.group_by(VISIT).agg(
        pl.col(c.TIMESTAMP).max(),
        (delivered * heartbeat_seconds).cast(pl.Float64).alias(c.VALUE),
        pl.col(SESSION).min().alias(c.SESSION_ID),
    )
    names = [_name(visit, hour) for visit in visits.select(VISIT).iter_rows()]
    told = pl.struct(pl.Series(c.EVENT_ID, names, dtype=pl.String), c.TIMESTAMP, c.VALUE, c.SESSION_ID)
    return visits.select(*VISIT, told.alias(DWELL))


def _name(visit: tuple[str | None, str, str], hour: datetime) -> str:
    page_view, user, item = visit
    digest = hashlib.blake2b(f"{user}\0{item}".encode(), digest_size=8).hexdigest()
    return "/".join([*([page_view] if page_view else []), f"{hour:%Y-%m-%dT%H}", digest])
