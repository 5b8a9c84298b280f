"""What becomes known of items: launches, new prices, out of stock and back, withdrawals."""

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.events.schema import ITEM_UPDATES, filled
from recsys.events.simulator.days import midnight
from recsys.events.simulator.items import Items, item_tenancy
from recsys.events.simulator.keyed import Keyed
from recsys.events.simulator.params import ShopParams

_BEFORE = "_before"


def catalogue(params: ShopParams, dice: Keyed, day: int) -> pl.DataFrame:
    """Every item in the catalogue on ``day``, and those withdrawn that day as unavailable.

    Of title, category, price and availability nothing is null.

    Schema ITEM_UPDATES, sorted by item; everything is known at the first instant of ``day``.
    """
    tenancy = item_tenancy(params, dice)
    items = Items(dice, params.categories, np.union1d(tenancy.present(day - 1), tenancy.present(day)))
    known = pl.DataFrame(
        {
            c.ITEM_ID: items.ids(),
            c.TIMESTAMP: [midnight(day)] * items.number.size,
            c.TITLE: items.titles(),
            c.CATEGORY: items.category_names(),
            c.PRICE: items.price(day),
            c.AVAILABLE: tenancy.is_present(items.number, day) & items.in_stock(day),
        }
    )
    return filled(known, ITEM_UPDATES)


def updates(params: ShopParams, dice: Keyed, day: int) -> pl.DataFrame:
    """What changed from the day before to ``day``; what did not change is null, items without change are left out.

    Applied to the catalogue of the day before this gives the catalogue of ``day``. Schema ITEM_UPDATES, sorted by item.
    """
    now, before = catalogue(params, dice, day), catalogue(params, dice, day - 1)
    known = [c.ITEM_ID, c.PRICE, c.AVAILABLE]
    both = now.join(before.select(known), on=c.ITEM_ID, how="left", suffix=_BEFORE, maintain_order="left")
    launched = pl.col(c.AVAILABLE + _BEFORE).is_null()
    changes = [_if(launched, c.TITLE), _if(launched, c.CATEGORY), _if_new(c.PRICE), _if_new(c.AVAILABLE)]
    told = both.with_columns(changes).filter(pl.any_horizontal(pl.col(c.PRICE, c.AVAILABLE).is_not_null()))
    return told.select(ITEM_UPDATES.names())


def _if(condition: pl.Expr, column: str) -> pl.Expr:
    return pl.when(condition).then(pl.col(column))


def _if_new(column: str) -> pl.Expr:
    """The value where it differs from the day before, or where there was none."""
    return _if(pl.col(column).ne_missing(pl.col(column + _BEFORE)), column)
