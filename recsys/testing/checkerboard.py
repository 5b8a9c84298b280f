"""Data with one right answer: users and items of two colors, where everybody lacks one item of their own color.

User u and item i are of one color when u + i is even; every user touched every item of its color but one.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.candidates.generator import SESSIONS
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


def ratings() -> pl.DataFrame:
    """Everybody rated every item but its own number and the next one: those of its color 5, the others 1."""
    pairs = [(u, i) for u in range(SIDE) for i in range(SIDE) if i not in (withheld(u), (withheld(u) + 1) % SIDE)]
    rated = events([(user(u), item(i), START + timedelta(minutes=n)) for n, (u, i) in enumerate(pairs)])
    return rated.with_columns(pl.Series(c.VALUE, [1.0 if (u + i) % 2 else 5.0 for u, i in pairs]))


def session(number: int) -> list[str]:
    """What a session of the user's color did, oldest first: every item of the color but its own number."""
    return [item(i) for i in range(number % 2, SIDE, 2) if i != withheld(number)]


def sessions(numbers: Sequence[int]) -> pl.DataFrame:
    """Sessions named after the numbers, schema SESSIONS."""
    rows = [(user(n), touched, place) for n in numbers for place, touched in enumerate(session(n), 1)]
    return pl.DataFrame(rows, schema=SESSIONS, orient="row")


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
    """The items of ``interactions``, schema ITEMS, described by their color alone; available but ``unavailable``.

    An item that is not of the board has no color, and no description.
    """
    items = interactions.select(c.ITEM_ID).unique().sort(c.ITEM_ID)
    odd = pl.col(c.ITEM_ID).str.extract(r"(\d)$").cast(pl.Int32) % 2 == 1
    color = pl.when(odd).then(pl.lit("black")).when(~odd).then(pl.lit("white"))
    known = {
        c.ITEM_ID: pl.col(c.ITEM_ID),
        c.TITLE: "a " + color + " square",
        c.CATEGORY: color,
        c.AVAILABLE: ~pl.col(c.ITEM_ID).is_in(list(unavailable)),
    }
    return items.select(known.get(name, pl.lit(None)).cast(kind).alias(name) for name, kind in ITEMS.items())


def touched(interactions: pl.DataFrame) -> pl.DataFrame:
    """Distinct pairs with an event: what a user has seen."""
    return interactions.select(c.USER_ID, c.ITEM_ID).unique().sort(c.USER_ID, c.ITEM_ID)
