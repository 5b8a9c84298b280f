"""What a moment knows of items: never what was told at that time or later."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from recsys import columns as c
from recsys.events.schema import INTERACTIONS, ITEM_UPDATES, filled
from recsys.releases.moments import Log
from recsys.sites import parse_site

MOMENT = datetime(2026, 5, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
SITE = parse_site(
    """
site: shop
source: {kind: simulator}
interactions: [{name: view}, {name: purchase, weight: 5.0}]
candidates: [{kind: popularity}, {kind: item_item}]
""",
    name="shop.yaml",
)
VIEWS = filled(
    pl.DataFrame(
        [
            (f"{user}{item}", f"u{user}", f"i{item}", "view", MOMENT - timedelta(days=1 + (user * item) % 5))
            for user in range(6)
            for item in range(5)
            if (user + item) % 3
        ],
        schema=[c.EVENT_ID, c.USER_ID, c.ITEM_ID, c.EVENT_TYPE, c.TIMESTAMP],
        orient="row",
    ),
    INTERACTIONS,
)
TOLD = st.fixed_dictionaries(
    {c.ITEM_ID: st.sampled_from([f"i{item}" for item in range(6)])},
    optional={
        c.TITLE: st.sampled_from(["One", "Two"]),
        c.CATEGORY: st.sampled_from(["hats", "shoes"]),
        c.PRICE: st.sampled_from([1.0, 5.0, 25.0]),
        c.AVAILABLE: st.booleans(),
    },
)


def known_at(hours, told):
    when = [{c.TIMESTAMP: MOMENT + hour * HOUR} | one for hour, one in zip(hours, told, strict=True)]
    updates = filled(pl.DataFrame(when), ITEM_UPDATES) if when else pl.DataFrame(schema=ITEM_UPDATES)
    moment = Log(SITE, VIEWS, updates).at(MOMENT, rng=np.random.default_rng(7))
    return SimpleNamespace(items=moment.recall.items, rows=moment.rows(moment.users, k=20))


@settings(max_examples=25, deadline=None)
@given(st.lists(TOLD, max_size=8), st.lists(TOLD, min_size=1, max_size=8), st.data())
def test_features_and_filters_never_see_what_was_told_later(before, later, data):
    hours = data.draw(st.lists(st.integers(-40, -1), min_size=len(before), max_size=len(before)))
    after = data.draw(st.lists(st.integers(0, 40), min_size=len(later), max_size=len(later)))
    then = known_at(hours, before)
    now = known_at([*after, *hours], [*later, *before])
    assert_frame_equal(now.items, then.items)
    assert_frame_equal(now.rows, then.rows)


def test_what_was_told_before_is_seen():
    told = [{c.ITEM_ID: "i1", c.AVAILABLE: False}, {c.ITEM_ID: "i2", c.CATEGORY: "hats", c.PRICE: 5.0}]
    rows = known_at([-1, -1], told).rows
    assert "i1" not in rows[c.ITEM_ID].to_list()
    assert set(rows.filter(pl.col(c.ITEM_ID) == "i2").select(c.CATEGORY).rows()) == {("hats",)}
