from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from pydantic import ValidationError

from recsys import columns as c
from recsys.errors import DataError
from recsys.events import Interaction
from recsys.events.schema import INTERACTIONS, require
from recsys.events.simulator import Shop, ShopParams

SMALL = ShopParams(users=60, items=40, categories=5)
DAY = date(2025, 3, 9)


def test_a_day_is_the_same_whatever_was_asked_before():
    asked_much = Shop(SMALL)
    for offset in (5, -3, 400, 1):
        asked_much.events(DAY + timedelta(days=offset))
    assert asked_much.events(DAY).equals(Shop(SMALL).events(DAY))
    assert asked_much.events(DAY).equals(asked_much.events(DAY))


def test_another_seed_is_another_shop():
    other = Shop(ShopParams(**{**SMALL.model_dump(), "seed": 8}))
    assert not set(other.events(DAY)[c.USER_ID]) & set(Shop(SMALL).events(DAY)[c.USER_ID])
    assert other.catalogue(DAY)[c.TITLE].to_list() != Shop(SMALL).catalogue(DAY)[c.TITLE].to_list()


def test_two_days_differ():
    shop = Shop(SMALL)
    first, second = shop.events(DAY), shop.events(DAY + timedelta(days=1))
    assert first.height > 50
    assert not set(first[c.EVENT_ID]) & set(second[c.EVENT_ID])
    assert not set(first[c.SESSION_ID]) & set(second[c.SESSION_ID])


@pytest.mark.parametrize("day", [date(1995, 1, 1), date(2024, 2, 29), DAY, date(2099, 12, 31)])
def test_any_day_has_events_of_that_day_in_order(day):
    events = require(Shop(SMALL).events(day), INTERACTIONS, name="events")
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    assert events.height > 50
    assert events[c.TIMESTAMP].is_sorted()
    assert events[c.TIMESTAMP].min() >= start
    assert events[c.TIMESTAMP].max() < start + timedelta(days=1)
    assert events[c.EVENT_ID].n_unique() == events.height
    assert events.drop(c.VALUE, c.REQUEST_ID).null_count().sum_horizontal().item() == 0


def test_every_event_is_valid_on_the_wire():
    rows = Shop(SMALL).events(DAY).to_dicts()
    assert len([Interaction.model_validate(row) for row in rows]) == len(rows)


def test_only_what_is_on_sale_is_touched_and_a_purchase_is_worth_its_price(shop, days):
    day = date(2025, 6, 12)
    priced = days[10].join(shop.catalogue(day), on=c.ITEM_ID, how="left")
    assert priced[c.AVAILABLE].all()
    bought = pl.col(c.EVENT_TYPE) == "purchase"
    assert priced.filter(bought & (pl.col(c.VALUE) == pl.col(c.PRICE))).height == priced.filter(bought).height > 10
    assert priced.filter(~bought)[c.VALUE].null_count() == priced.filter(~bought).height


def test_a_session_is_one_user_and_runs_view_cart_purchase(log):
    assert log.group_by(c.SESSION_ID).agg(pl.col(c.USER_ID).n_unique())[c.USER_ID].max() == 1
    first = log.group_by(c.SESSION_ID, c.ITEM_ID).agg(
        pl.col(c.TIMESTAMP).filter(pl.col(c.EVENT_TYPE) == kind).min().alias(kind)
        for kind in ("view", "cart", "purchase")
    )
    assert first["view"].null_count() == 0
    assert first.filter(pl.col("cart") < pl.col("view")).is_empty()
    bought = first.filter(pl.col("purchase").is_not_null())
    assert bought.filter(pl.col("cart").is_null() | (pl.col("purchase") < pl.col("cart"))).is_empty()


def test_a_durable_item_is_not_bought_twice(shop, days):
    consumables = ("food/", "garden/plants", "beauty/", "office/", "pets/")
    bought = pl.concat(days).filter(pl.col(c.EVENT_TYPE) == "purchase")
    known = pl.concat([shop.catalogue(date(2025, 6, 2) + timedelta(days=offset)) for offset in range(len(days))])
    sorted_out = bought.join(known.unique(c.ITEM_ID), on=c.ITEM_ID).with_columns(
        used_up=pl.any_horizontal(pl.col(c.CATEGORY).str.starts_with(prefix) for prefix in consumables)
    )
    durable = sorted_out.filter(~pl.col("used_up"))
    assert durable.height > 1000
    assert durable.select(c.USER_ID, c.ITEM_ID).is_unique().all()
    used_up = sorted_out.filter(pl.col("used_up"))
    assert not used_up.select(c.USER_ID, c.ITEM_ID).is_unique().all()


@pytest.mark.parametrize(("users", "items"), [(1, 1), (1, 30), (30, 1), (3, 2)])
def test_tiny_shops_work(users, items):
    shop = Shop(ShopParams(users=users, items=items))
    events = pl.concat([shop.events(DAY + timedelta(days=offset)) for offset in range(40)])
    require(events, INTERACTIONS, name="events")
    assert events.height > 0
    assert shop.catalogue(DAY).height >= items
    shop.item_updates(DAY)


def test_a_day_with_nothing_on_sale_has_no_events():
    shop = Shop(ShopParams(users=5, items=1))
    closed = [
        day for day in (DAY + timedelta(days=n) for n in range(200)) if not shop.catalogue(day)[c.AVAILABLE].any()
    ]
    assert closed
    assert shop.events(closed[0]).equals(pl.DataFrame(schema=INTERACTIONS))


def test_days_before_the_opening_are_refused():
    with pytest.raises(DataError, match=r"found the day 1990-01-01, expected a day after 1990-01-01"):
        Shop(SMALL).events(date(1990, 1, 1))
    assert Shop(SMALL).item_updates(date(1990, 1, 2)).height >= 0


@pytest.mark.parametrize("wrong", [{"users": 0}, {"items": 0}, {"categories": 99}, {"cart_share": 0.01}, {"color": 1}])
def test_params_that_make_no_shop_are_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        ShopParams(**wrong)
