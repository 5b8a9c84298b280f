from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.errors import DataError

DAY = date(2025, 6, 9)


@pytest.fixture
def users(log):
    return log[c.USER_ID].unique().sort().head(50).to_list()


def test_affinity_is_a_probability_over_what_is_on_sale(shop, users):
    items = shop.catalogue(DAY)
    wanted = shop.affinity(users, items[c.ITEM_ID].to_list(), DAY)
    assert wanted.shape == (50, items.height)
    assert wanted.sum(axis=1) == pytest.approx(1.0)
    assert (wanted > 0).all(axis=0).tolist() == items[c.AVAILABLE].to_list()


def test_an_unknown_item_is_not_wanted_and_an_impossible_user_is_refused(shop, users):
    assert shop.affinity(users, ["no such item", "i9999999"], DAY).tolist() == [[0.0, 0.0]] * 50
    with pytest.raises(DataError, match=r"found the user 'anna', expected ids as in the shop's events"):
        shop.affinity(["anna"], [], DAY)


def test_the_best_items_have_the_highest_affinity(shop, users):
    items = shop.catalogue(DAY)[c.ITEM_ID].to_list()
    highest = -np.sort(-shop.affinity(users, items, DAY), axis=1)[:, :10]
    best = shop.best_items(users, DAY, 10)
    assert best[c.SCORE].to_numpy().reshape(50, 10) == pytest.approx(highest)
    assert best[c.RANK].to_list() == list(range(1, 11)) * 50
    assert best[c.USER_ID].unique(maintain_order=True).to_list() == users
    assert best.select(c.USER_ID, c.ITEM_ID).is_unique().all()


def test_more_than_there_is_gives_what_there_is(shop, users):
    on_sale = shop.catalogue(DAY)[c.AVAILABLE].sum()
    assert shop.best_items(users[:1], DAY, 100_000).height == on_sale
    with pytest.raises(DataError, match="found k = 0"):
        shop.best_items(users, DAY, 0)


def test_the_gain_of_a_slate_is_the_sum_of_its_affinities(shop, users):
    best = shop.best_items(users, DAY, 10)
    gains = shop.expected_gain(best, DAY)
    expected = best.group_by(c.USER_ID).agg(pl.col(c.SCORE).sum()).sort(c.USER_ID)
    assert gains[c.USER_ID].to_list() == expected[c.USER_ID].to_list()
    assert gains[c.SCORE].to_numpy() == pytest.approx(expected[c.SCORE].to_numpy())
    twice = shop.expected_gain(pl.concat([best, best]), DAY)
    assert twice.equals(gains)
    anothers = best.with_columns(pl.col(c.USER_ID).shift(10, fill_value=users[-1]))
    assert shop.expected_gain(anothers, DAY)[c.SCORE].mean() < 0.7 * gains[c.SCORE].mean()


def test_sessions_start_where_affinity_says(shop, log):
    """The truth is the truth of the log: item by item, sessions begin as often as affinity foretells."""
    views = log.filter((pl.col(c.EVENT_TYPE) == "view") & (pl.col(c.TIMESTAMP).dt.date() == DAY))
    starts = views.group_by(c.SESSION_ID, maintain_order=True).first()
    items = shop.catalogue(DAY)[c.ITEM_ID].to_list()
    expected = shop.affinity(starts[c.USER_ID].to_list(), items, DAY).sum(axis=0)
    counted = dict(starts[c.ITEM_ID].value_counts().iter_rows())
    observed = np.array([counted.get(item, 0) for item in items])
    assert starts.height > 300
    deviation = (observed - expected) / np.sqrt(expected + 0.5)
    assert np.abs(deviation).mean() < 1.0
    assert np.corrcoef(observed, expected)[0, 1] > 0.85


def test_tastes_drift_slowly(shop, users):
    items = shop.catalogue(DAY).filter(pl.col(c.AVAILABLE))[c.ITEM_ID].to_list()

    def kept(days: int) -> float:
        """Share of the ten best of today that are among the ten best after so many days, in and out of stock aside."""
        first, second = (
            np.argsort(-shop.affinity(users, items, DAY + timedelta(days=offset)), axis=1)[:, :10]
            for offset in (0, days)
        )
        return float(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(first, second, strict=True)]))

    assert kept(1) > 0.9
    assert kept(1) > kept(30) > kept(365)
