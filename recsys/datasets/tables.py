"""The tables of the event log: their schemas, and the one order their rows are kept in."""

from dataclasses import dataclass
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.events.schema import IMPRESSIONS, INTERACTIONS, ITEM_UPDATES, QUARANTINE


@dataclass(frozen=True)
class Table:
    """What lies in the log under one name."""

    schema: pl.Schema
    order: tuple[str, ...]
    "Columns that put any rows into one order, whatever order they came in."
    time: str | None
    "The column that says when, UTC; None where rows need not have a time."


INTERACTED: Final = "interactions"
IMPRESSED: Final = "impressions"
UPDATED: Final = "item_updates"
QUARANTINED: Final = "quarantine"

TABLES: Final = {
    INTERACTED: Table(INTERACTIONS, order=(c.TIMESTAMP, c.EVENT_ID), time=c.TIMESTAMP),
    IMPRESSED: Table(IMPRESSIONS, order=(c.TIMESTAMP, c.EVENT_ID), time=c.TIMESTAMP),
    UPDATED: Table(ITEM_UPDATES, order=(c.TIMESTAMP, *ITEM_UPDATES), time=c.TIMESTAMP),
    QUARANTINED: Table(QUARANTINE, order=(c.SOURCE_FILE, c.SOURCE_LINE, c.REASON, c.RAW), time=None),
}
