from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from recsys import columns as c
from recsys.events.partition import Checked
from recsys.events.quality import QualityReport, judged
from recsys.events.schema import INTERACTIONS, QUARANTINE, filled
from recsys.sites.config import QualityPolicy

DAY = "2026-03-07"
START = datetime(2026, 3, 7, tzinfo=UTC)


def interactions(count: int, **columns: Any) -> pl.DataFrame:
    """Five minutes apart; three a session."""
    base = {
        c.EVENT_ID: [f"e{n:03}" for n in range(count)],
        c.USER_ID: ["anna"] * count,
        c.ITEM_ID: ["lamp"] * count,
        c.EVENT_TYPE: ["view"] * count,
        c.TIMESTAMP: [START + timedelta(minutes=5 * n) for n in range(count)],
        c.SESSION_ID: [f"s{n // 3}" for n in range(count)],
    }
    return filled(pl.DataFrame(base | columns), INTERACTIONS)


def aside(*reasons: str) -> pl.DataFrame:
    rows = [("day.csv", line, reason, f'{{"line":"{line}"}}') for line, reason in enumerate(reasons, start=2)]
    return pl.DataFrame(rows, schema=QUARANTINE, orient="row")


@pytest.fixture
def good() -> Checked:
    """A day of 12 interactions."""
    return replace(Checked.nothing(), kept=interactions(12))


@pytest.fixture
def judge(good: Checked) -> Callable[..., QualityReport]:
    """Judges the good day with some parts replaced, under a policy as a site's YAML has it."""

    def judge(policy: dict[str, Any] | None = None, key: str = DAY, rows: Checked = good, **arguments: Any):
        parts = {name: arguments.pop(name) for name in list(arguments) if name in Checked.__dataclass_fields__}
        return judged(key, replace(rows, **parts), QualityPolicy.model_validate(policy or {}), site="shop", **arguments)

    return judge
