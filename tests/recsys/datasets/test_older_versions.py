"""A log that an older version began can be read and gone on with."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from recsys import columns as c
from recsys.datasets import store as writing
from recsys.datasets.manifest import Manifest, Partition
from recsys.datasets.tables import IMPRESSED, TABLES, UPDATED, Table
from recsys.events.counts import NO_ROWS
from recsys.events.schema import ITEM_UPDATES, filled

BEFORE = (c.ITEM_ID, c.TIMESTAMP, c.TITLE, c.CATEGORY, c.PRICE, c.AVAILABLE)
"""What the first version knew of items; it knew no impressions."""


@pytest.fixture
def commit(store, monkeypatch):
    def commit(day: date, *, older: bool = False) -> Manifest:
        row = {c.ITEM_ID: ["a"], c.TIMESTAMP: [datetime(day.year, day.month, day.day, tzinfo=UTC)], c.TEXT: [str(day)]}
        updates = filled(pl.DataFrame(row), ITEM_UPDATES)
        with monkeypatch.context() as then:
            if older:
                known = Table(pl.Schema({name: ITEM_UPDATES[name] for name in BEFORE}), BEFORE, c.TIMESTAMP)
                tables = {name: table for name, table in TABLES.items() if name != IMPRESSED}
                then.setattr(writing, "TABLES", tables | {UPDATED: known})
                updates = updates.select(BEFORE)
            return store.commit(Partition(site="shop", day=day), {UPDATED: updates}, counts=NO_ROWS)

    return commit


@pytest.mark.parametrize("days", [(1, 2), (2, 1)])
def test_tables_and_columns_that_came_later_are_empty_in_older_partitions(store, commit, days):
    older, newer = (commit(date(2026, 1, day), older=turn == 0) for turn, day in enumerate(days))
    assert IMPRESSED not in older.tables
    found = store.scan(UPDATED, "shop").collect()
    assert found.schema == ITEM_UPDATES
    assert dict(found.select(c.TIMESTAMP, c.TEXT).iter_rows()) == {
        older.partition.start: None,
        newer.partition.start: str(newer.day),
    }
    assert store.scan(IMPRESSED, "shop").collect().is_empty()
