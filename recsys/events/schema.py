"""What happened, as tables. Every frame that leaves ``events`` or ``datasets`` has one of these schemas.

Order of columns and exact types are part of the contract, so that the same rows give the same bytes.
"""

from typing import Final

import polars as pl

from recsys import columns as c
from recsys.errors import SchemaError

TIME: Final = pl.Datetime("us", "UTC")

INTERACTIONS: Final = pl.Schema(
    {
        c.EVENT_ID: pl.String(),
        c.USER_ID: pl.String(),
        c.ITEM_ID: pl.String(),
        c.EVENT_TYPE: pl.String(),
        c.TIMESTAMP: TIME,
        c.VALUE: pl.Float64(),
        c.SESSION_ID: pl.String(),
        c.REQUEST_ID: pl.String(),
    }
)
"""One row per interaction; event_id unique; value, session_id and request_id may be null."""

IMPRESSIONS: Final = pl.Schema(
    {
        c.EVENT_ID: pl.String(),
        c.USER_ID: pl.String(),
        c.ITEMS: pl.List(pl.String()),
        c.TIMESTAMP: TIME,
        c.SESSION_ID: pl.String(),
        c.REQUEST_ID: pl.String(),
        c.RELEASE_ID: pl.String(),
    }
)
"""One row per slate that was shown, its items in order; event_id unique; from session_id on columns may be null."""

ITEMS: Final = pl.Schema(
    {
        c.ITEM_ID: pl.String(),
        c.TITLE: pl.String(),
        c.TEXT: pl.String(),
        c.CATEGORY: pl.String(),
        c.PRICE: pl.Float64(),
        c.AVAILABLE: pl.Boolean(),
        c.IMAGE: pl.String(),
        c.LANGUAGE: pl.String(),
        c.PUBLISHED_AT: TIME,
        c.ATTRIBUTES: pl.String(),
    }
)
"""The catalogue as of one time: one row per item; available is never null."""

ITEM_UPDATES: Final = pl.Schema({c.ITEM_ID: pl.String(), c.TIMESTAMP: TIME, **ITEMS})
"""What became known of an item, and when. Null means unchanged, not unknown-from-now-on."""

QUARANTINE: Final = pl.Schema(
    {
        c.SOURCE_FILE: pl.String(),
        c.SOURCE_LINE: pl.Int64(),
        c.REASON: pl.String(),
        c.RAW: pl.String(),
    }
)
"""One row per row set aside; source_line counts from 1 and includes the header."""


def filled(frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The columns of ``schema``, in its order and types; those that ``frame`` has not are null, others are dropped.

    Raises:
        polars.exceptions.InvalidOperationError: a column cannot be cast.
    """
    return frame.select(
        pl.col(name).cast(kind) if name in frame.schema else pl.lit(None, kind).alias(name)
        for name, kind in schema.items()
    )


def require(frame: pl.DataFrame, schema: pl.Schema, *, name: str) -> pl.DataFrame:
    """``frame`` itself when its columns, their order and their types are exactly ``schema``.

    Raises:
        SchemaError: with every missing, unexpected or differently typed column.
    """
    if frame.schema == schema:
        return frame
    faults = [f"missing {column}" for column in schema if column not in frame.schema]
    faults += [f"unexpected {column}" for column in frame.schema if column not in schema]
    faults += [
        f"{column} is {frame.schema[column]}, expected {kind}"
        for column, kind in schema.items()
        if column in frame.schema and frame.schema[column] != kind
    ]
    raise SchemaError(f"{name}: {'; '.join(faults) or 'columns in another order'}; expected {list(schema)}")
