"""Data with one right answer: users and items of two colors, where everybody lacks one item of their own color.

User u and item i are of one color when u + i is even; every user touched every item of its color but one.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.events.schema import INTERACTIONS, ITEMS

START: Final = datetime(2026, 3, 1, tzinfo=UTC)
AS_OF: Final = START + timedelta(days=1)
"""All events lie on the day before."""
SIDE: Final = 20
"""Users, and items."""


def user(number: int) -> str:
    """The id of a user."""
    return f"user-{number:02d}"


def item(number: int) -> str:
    """The id of an item."""
    return f"item-{number:02d}"


def withheld(number: int) -> int:
    """The item of the user's color that it never touched: its own number."""
    return number


def interactions() -> pl.DataFrame:
    """SIDE users, each with SIDE / 2 - 1 events of weight 1; schema INTERACTIONS plus ``weight``."""
    pairs = [(u, i) for u in range(SIDE) for i in range(u % 2, SIDE, 2) if i != withheld(u)]
    return events([(user(u), item(i), START + timedelta(minutes=n)) for n, (u, i) in enumerate(pairs)])


def events(rows: list[tuple[str, str, datetime]]) -> pl.DataFrame:
    """Interactions of weight 1 from (user_id, item_id, timestamp); schema INTERACTIONS plus ``weight``."""
    frame = pl.DataFrame(rows, schema=[c.USER_ID, c.ITEM_ID, c.TIMESTAMP], orient="row")
    known = {
        c.EVENT_ID: pl.int_range(pl.len()).cast(pl.String),
        c.USER_ID: pl.col(c.USER_ID),
        c.ITEM_ID: pl.col(c.ITEM_ID),
        c.EVENT_TYPE: pl.lit("view"),
        c.TIMESTAMP: pl.col(c.TIMESTAMP),
    }
    whole = frame.select(known.get(name, pl.lit(None)).cast(kind).alias(name) for name, kind in INTERACTIONS.items())
    return whole.with_columns(pl.lit(1.0, dtype=pl.Float32).alias(c.WEIGHT))


def catalogue(interactions: pl.DataFrame, *, unavailable: tuple[str, ...] = ()) -> pl.DataFrame:
    """The items of ``interactions``, schema ITEMS, without properties; all available but ``unavailable``."""
    items = interactions.select(c.ITEM_ID).unique().sort(c.ITEM_ID)
    known = {c.ITEM_ID: pl.col(c.ITEM_ID), c.AVAILABLE: ~pl.col(c.ITEM_ID).is_in(list(unavailable))}
    return items.select(known.get(name, pl.lit(None)).cast(kind).alias(name) for name, kind in ITEMS.items())


def touched(interactions: pl.DataFrame) -> pl.DataFrame:
    """Distinct pairs with an event: what a user has seen."""
    return interactions.select(c.USER_ID, c.ITEM_ID).unique().sort(c.USER_ID, c.ITEM_ID)
