"""Visitors answer a slate as their manners say: by position, by taste, and less when bored."""

from datetime import date

import numpy as np
import pytest

from recsys import columns as c
from recsys.errors import DataError
from recsys.events.simulator import Shop, ShopParams
from recsys.events.simulator.visitors import Manners, Visitors

DAY = date(2026, 3, 2)
SHOP = Shop(ShopParams(users=300, items=200))


def visitors(seed: int = 1, **manners) -> Visitors:
    return Visitors(SHOP, Manners(**manners), np.random.default_rng(seed))


def best(users: list[str], k: int) -> dict[str, list[str]]:
    slates = SHOP.best_items(users, DAY, k).group_by(c.USER_ID, maintain_order=True).agg(c.ITEM_ID)
    return dict(slates.iter_rows())


def test_what_is_wanted_most_is_clicked_with_the_keenness_and_the_rest_by_place_and_taste():
    user = SHOP.customers(DAY)[0][0]
    slate = best([user], 20)[user]
    crowd = visitors(attention=1.0, keenness=0.4, taste=1.0)
    chances = crowd.chances(user, slate, DAY)
    assert chances[0] == pytest.approx(0.4)
    wanted = SHOP.affinity([user], slate, DAY)[0]
    assert chances == pytest.approx(0.4 * wanted / wanted[0] / np.arange(1, 21))
    assert crowd.chances(user, [slate[0], "no-such-item"], DAY)[1] == 0


def test_clicks_come_as_often_as_their_chance():
    users = visitors().arrive(DAY, 400)
    slates = best(sorted(set(users)), 5)
    crowd = visitors(boredom=1.0)
    expected = sum(crowd.chances(user, slates[user], DAY).sum() for user in users)
    clicks = sum(len(crowd.react(user, slates[user], DAY)) for user in users)
    assert abs(clicks - expected) < 4 * np.sqrt(expected)


def test_what_was_shown_in_vain_is_clicked_less():
    user = SHOP.customers(DAY)[0][0]
    slate = best([user], 3)[user]
    crowd = visitors(keenness=0.0, boredom=0.5)
    assert crowd.react(user, slate, DAY) == []
    keen = visitors(boredom=0.5)
    fresh = keen.chances(user, slate, DAY)
    ignored = next(turn for turn in range(100) if not keen.react(user, slate, DAY))
    assert ignored < 99
    assert keen.chances(user, slate, DAY).sum() < fresh.sum()


def test_active_customers_come_more_often():
    users, activity = SHOP.customers(DAY)
    came = visitors().arrive(DAY, 3000)
    count = np.array([came.count(user) for user in users])
    assert np.corrcoef(count, activity)[0, 1] > 0.9


def test_the_same_seed_gives_the_same_visitors_and_a_purchase_follows_a_cart():
    def tour(seed: int) -> list:
        crowd = visitors(seed, cart_share=1.0, purchase_share=1.0)
        users = crowd.arrive(DAY, 50)
        slates = best(sorted(set(users)), 10)
        return [crowd.react(user, slates[user], DAY) for user in users]

    assert tour(3) == tour(3)
    assert tour(3) != tour(4)
    assert {reaction.event_types for slate in tour(3) for reaction in slate} == {("view", "cart", "purchase")}


def test_a_stranger_to_the_shop_is_refused():
    with pytest.raises(DataError):
        visitors().react("nobody", ["i0000001"], DAY)
