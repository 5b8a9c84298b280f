"""Impressions whose true click probability is known."""

from datetime import UTC, datetime
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys import columns as c
from recsys.events.schema import TIME

CLICK: Final = "click"
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
DAYS: Final = 14
BASE: Final = -3.0
"""Log-odds of a click in the middle."""
OF_USERS, OF_ITEMS, OF_CATEGORIES, OF_PAIRS = 0.5, 0.9, 0.4, 0.5
"""Standard deviations of what users, items, categories, and items at a position, add to the log-odds."""


def drawn_clicks(rows: int, *, rng: np.random.Generator) -> tuple[pl.DataFrame, NDArray[np.float64]]:
    """Impressions in the order of time, and how likely each was to be clicked.

    Users and items are popular by a power law; position 1 is clicked most, the evening more than the morning.

    Returns:
        The columns of a site's own impressions (``impression_rows``) with the label ``click``; float64, shape (rows,).
    """
    users, items, categories, positions = 5_000, 500, 12, 8
    of_user, of_item = rng.normal(0, OF_USERS, users), rng.normal(0, OF_ITEMS, items)
    of_category = rng.normal(0, OF_CATEGORIES, categories)
    of_pair = rng.normal(0, OF_PAIRS, (items, positions))
    user = _popular(users, rows, rng)
    item = _popular(items, rows, rng)
    category, position = item % categories, rng.integers(0, positions, rows)
    seconds = np.sort(rng.integers(0, DAYS * 86_400, rows))
    hour = seconds // 3600 % 24
    price = np.round(np.exp(3.0 + 0.5 * rng.standard_normal(items)), 2)
    odds = BASE + of_user[user] + of_item[item] + of_category[category] + of_pair[item, position]
    odds += -0.25 * position + 0.4 * np.sin(2 * np.pi * (hour - 13) / 24)
    truth = 1.0 / (1.0 + np.exp(-odds))
    hours = pl.Series(seconds // 3600 * 3_600_000_000)
    frame = pl.DataFrame(
        {
            c.TIMESTAMP: pl.repeat(START, rows, dtype=TIME, eager=True) + hours.cast(pl.Duration("us")),
            c.USER_ID: "u" + pl.Series(user).cast(pl.String),
            c.ITEM_ID: "i" + pl.Series(item).cast(pl.String),
            c.POSITION: position + 1,
            c.SLATE_SIZE: np.full(rows, positions),
            c.CATEGORY: "c" + pl.Series(category).cast(pl.String),
            c.PRICE: price[item],
            CLICK: rng.random(rows) < truth,
        }
    )
    return frame, truth


def _popular(count: int, rows: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Numbers below ``count``, the n-th drawn in proportion to 1 / (n + 10)."""
    weight = 1.0 / (np.arange(count) + 10.0)
    return rng.choice(count, size=rows, p=weight / weight.sum())
