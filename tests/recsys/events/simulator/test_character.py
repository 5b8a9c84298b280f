"""Is it like a real shop? Shares are of six weeks of 800 users and 400 items."""

from datetime import date

import polars as pl
import pytest

from recsys import columns as c
from recsys.events.simulator import Shop, ShopParams


def _count(frame: pl.DataFrame, kind: str) -> int:
    return frame.filter(pl.col(c.EVENT_TYPE) == kind).height


def _top_tenth(frame: pl.DataFrame, column: str) -> float:
    """The share of rows that fall on the most frequent tenth of the values."""
    counts = frame[column].value_counts(sort=True, name="rows")["rows"]
    return counts.head(len(counts) // 10).sum() / frame.height


def test_the_funnel(log):
    views = _count(log, "view")
    assert _count(log, "cart") / views == pytest.approx(0.08, rel=0.15)
    assert 0.02 < _count(log, "purchase") / views < 0.032  # less what durable things are owned already


def test_a_few_items_have_most_of_the_views_and_a_few_users_most_of_the_activity(log):
    assert 0.45 < _top_tenth(log.filter(pl.col(c.EVENT_TYPE) == "view"), c.ITEM_ID) < 0.65
    assert 0.35 < _top_tenth(log, c.USER_ID) < 0.65


def test_sessions_have_about_the_length_asked_for(log):
    views = log.filter(pl.col(c.EVENT_TYPE) == "view")
    assert views.height / views[c.SESSION_ID].n_unique() == pytest.approx(7.0, rel=0.15)


def test_users_come_mostly_in_the_evening_and_hardly_at_night(log):
    hours = log[c.TIMESTAMP].dt.hour()
    assert hours.is_between(17, 22).sum() > 3 * hours.is_between(1, 6).sum()


def test_sunday_is_busier_than_tuesday(log):
    weekday = log[c.TIMESTAMP].dt.weekday()
    assert (weekday == 7).sum() > 1.1 * (weekday == 2).sum()


def test_gardens_are_for_summer_and_toys_for_december():
    shop = Shop(ShopParams(users=800, items=400, purchase_share=0.0))

    def share(day: date, category: str) -> float:
        views = shop.events(day).join(shop.catalogue(day), on=c.ITEM_ID)
        return (views[c.CATEGORY] == category).mean()

    summer, winter = date(2025, 6, 11), date(2025, 12, 10)
    assert share(summer, "garden/outdoor") > 3 * share(winter, "garden/outdoor")
    assert share(winter, "toys/games") > 3 * share(summer, "toys/games")


def test_new_users_and_new_items_arrive(log, later):
    for column, rows in ((c.USER_ID, 5), (c.ITEM_ID, 3)):
        assert len(set(later[column]) - set(log[column])) > rows
        assert len(set(later[column]) & set(log[column])) > 200


def test_a_session_stays_among_similar_items(shop, log):
    known = shop.catalogue(date(2025, 6, 20))
    views = log.filter(pl.col(c.EVENT_TYPE) == "view").join(known, on=c.ITEM_ID)
    shelf = pl.col(c.CATEGORY)
    within = views.sort(c.SESSION_ID, c.TIMESTAMP).select((shelf == shelf.shift(1)).over(c.SESSION_ID).mean()).item()
    by_chance = (views[c.CATEGORY].value_counts(normalize=True, name="share")["share"] ** 2).sum()
    assert within > 0.8 > 2 * by_chance


def test_users_keep_their_taste_from_month_to_month(log):
    """What a user looks at was looked at a month before by the same user far more often than by another."""
    views = log.filter(pl.col(c.EVENT_TYPE) == "view").with_columns(week=pl.col(c.TIMESTAMP).dt.week())
    early = views.filter(pl.col("week") < pl.col("week").min() + 2).select(c.USER_ID, c.ITEM_ID).unique()
    late = views.filter(pl.col("week") > pl.col("week").max() - 2).select(c.USER_ID, c.ITEM_ID).unique()
    users = early[c.USER_ID].unique().sort()
    neighbour = dict(zip(users, users.shift(1, fill_value=users[-1]), strict=True))
    swapped = early.with_columns(pl.col(c.USER_ID).replace_strict(neighbour))
    own, other = (late.join(pairs, on=[c.USER_ID, c.ITEM_ID]).height for pairs in (early, swapped))
    assert own > 3 * other
