from datetime import UTC, date, datetime, timedelta

import polars as pl

from recsys import columns as c
from recsys.events.schema import ITEM_UPDATES, require

DAY = date(2025, 6, 2)
TOLD = [c.ITEM_ID, c.TIMESTAMP, c.TITLE, c.CATEGORY, c.PRICE, c.AVAILABLE]


def test_the_catalogue_is_whole_and_readable(shop):
    items = require(shop.catalogue(DAY), ITEM_UPDATES, name="catalogue")
    assert 400 <= items.height <= 410
    assert items.select(TOLD).null_count().sum_horizontal().item() == 0
    assert items[c.ITEM_ID].is_sorted()
    assert items[c.TITLE].n_unique() == items[c.ITEM_ID].n_unique() == items.height
    assert items[c.TITLE].str.contains(r"^[A-Z][a-z]+ [A-Z][A-Za-z -]+ [A-Z][a-zä]{3,}$").all()
    assert items[c.CATEGORY].n_unique() == 8
    assert items[c.PRICE].min() > 0
    assert set(items[c.TIMESTAMP]) == {datetime(2025, 6, 2, tzinfo=UTC)}


def test_prices_follow_their_category(shop):
    medians = shop.catalogue(DAY).group_by(c.CATEGORY).agg(pl.col(c.PRICE).median())
    by_name = dict(medians.iter_rows())
    assert by_name["food/pantry"] < by_name["home/textiles"] < by_name["home/furniture"]


def test_updates_lead_from_one_day_to_the_next(shop):
    known = _state(shop.catalogue(DAY))
    for offset in range(1, 31):
        day = DAY + timedelta(days=offset)
        updates = require(shop.item_updates(day), ITEM_UPDATES, name="updates")
        changed = {row[c.ITEM_ID] for row in updates.iter_rows(named=True)}
        for row in updates.iter_rows(named=True):
            before = known.setdefault(row[c.ITEM_ID], {})
            told = {name: value for name, value in row.items() if value is not None and name != c.TIMESTAMP}
            assert any(before.get(name) != value for name, value in told.items())
            before.update(told)
        whole = _state(shop.catalogue(day))
        assert {item: known[item] for item in whole} == whole
        assert not [item for item in known.keys() - whole.keys() if known[item][c.AVAILABLE]]
        assert len(changed) < 60


def test_within_a_month_items_are_launched_repriced_sold_out_and_withdrawn(shop):
    updates = pl.concat([shop.item_updates(DAY + timedelta(days=offset)) for offset in range(30)])
    launched = updates.filter(pl.col(c.TITLE).is_not_null())
    assert launched.height > 15
    assert launched.select(TOLD).null_count().sum_horizontal().item() == 0
    assert updates.filter(pl.col(c.TITLE).is_null() & pl.col(c.PRICE).is_not_null()).height > 50
    assert (~updates[c.AVAILABLE].drop_nulls()).sum() > 50
    gone = set(shop.catalogue(DAY)[c.ITEM_ID]) - set(shop.catalogue(DAY + timedelta(days=30))[c.ITEM_ID])
    assert len(gone) > 15


def test_most_items_are_in_stock(shop):
    shares = [shop.catalogue(DAY + timedelta(days=offset))[c.AVAILABLE].mean() for offset in range(0, 60, 7)]
    assert all(0.93 < share < 1.0 for share in shares)


def _state(catalogue: pl.DataFrame) -> dict[str, dict[str, object]]:
    return {row[c.ITEM_ID]: row for row in catalogue.select(TOLD).drop(c.TIMESTAMP).iter_rows(named=True)}
