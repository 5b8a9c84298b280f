"""Messages told as events, whatever format they have."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.events.raw import RAW
from recsys.events.schema import ITEM_UPDATES, filled
from recsys.events.stream.landed import Days
from recsys.events.validation import ABSURD_TIMESTAMP, BAD_TIMESTAMP, Rules

INTERACTION: Final = "interaction"
IMPRESSION: Final = "impression"
ITEM_UPDATE: Final = "item_update"

EVENTS: Final = pl.Schema(
    {
        c.KIND: pl.String(),
        **ITEM_UPDATES,
        **{name: kind for name, kind in RAW.items() if name not in (c.SOURCE_FILE, c.SOURCE_LINE)},
    }
)
"""What a message tells; every column may be null. ``reason`` is why it tells no event."""

Format = Callable[[pl.Series], pl.DataFrame]
"""From the text of messages to EVENTS, one row for each, in their order; ``timestamp`` is the event's own."""


@dataclass(frozen=True)
class Told:
    """What some messages told."""

    rows: pl.DataFrame
    "Schema RAW; one row for each message that is not a good item update."
    originals: pl.DataFrame
    "Of each row: offset, the broker's time, the message."
    item_updates: pl.DataFrame
    "Schema ITEM_UPDATES."


def tell(messages: pl.DataFrame, form: Format, rules: Rules) -> pl.DataFrame:
    """The messages (schema MESSAGES, perhaps other columns) with the columns of EVENTS, and ``received_at``.

    ``timestamp`` is the event's own where that can be, else the broker's: a message without a usable time of its own is
    set aside beside its neighbours in the stream, and not among rows whose day cannot be told.
    """
    received = messages.rename({c.TIMESTAMP: c.RECEIVED_AT}).drop(c.REASON)
    events = form(messages[c.MESSAGE]).with_columns(pl.coalesce(messages[c.REASON], c.REASON).alias(c.REASON))
    moment = pl.col(c.TIMESTAMP)
    reason = pl.coalesce(
        c.REASON,
        pl.when(moment.is_null()).then(pl.lit(BAD_TIMESTAMP)),
        pl.when(~rules.sane).then(pl.lit(ABSURD_TIMESTAMP)),
    )
    usable = pl.when(rules.sane).then(moment).otherwise(pl.col(c.RECEIVED_AT))
    return pl.concat([received, events], how="horizontal").with_columns(
        reason.alias(c.REASON), usable.alias(c.TIMESTAMP)
    )


def split(told: pl.DataFrame) -> Told:
    """What ``tell`` gave, located by source_file and source_line, as rows and item updates."""
    is_update = ((pl.col(c.KIND) == ITEM_UPDATE) & pl.col(c.REASON).is_null()).fill_null(False)
    rows = told.filter(~is_update)
    received = pl.col(c.RECEIVED_AT).dt.to_string("iso:strict")
    return Told(
        rows=filled(rows, RAW),
        originals=rows.select(c.OFFSET, received, c.MESSAGE),
        item_updates=filled(told.filter(is_update), ITEM_UPDATES),
    )


def days_of(told: pl.DataFrame, rules: Rules) -> Days:
    """The UTC days of what ``tell`` gave."""
    found = told.select(pl.when(rules.sane).then(pl.col(c.TIMESTAMP)).dt.date()).to_series().unique().to_list()
    return Days(tuple(sorted(day for day in found if day)), undated=None in found)


def fingerprint(*parts: object) -> str:
    """Eight hexadecimal digits of everything that ``parts`` say, as JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:8]
