from datetime import date, timedelta

import polars as pl
import pytest

from recsys.events.simulator import Shop, ShopParams

FIRST = date(2025, 6, 2)
"""A Monday."""
WEEKS = 6


@pytest.fixture(scope="session")
def shop() -> Shop:
    return Shop(ShopParams(users=800, items=400, categories=8))


@pytest.fixture(scope="session")
def days(shop: Shop) -> list[pl.DataFrame]:
    """The events of six weeks from FIRST and of the week after, day by day."""
    return [shop.events(FIRST + timedelta(days=offset)) for offset in range(7 * (WEEKS + 1))]


@pytest.fixture(scope="session")
def log(days: list[pl.DataFrame]) -> pl.DataFrame:
    """Six weeks."""
    return pl.concat(days[: 7 * WEEKS])


@pytest.fixture(scope="session")
def later(days: list[pl.DataFrame]) -> pl.DataFrame:
    """The week after ``log``."""
    return pl.concat(days[7 * WEEKS :])
