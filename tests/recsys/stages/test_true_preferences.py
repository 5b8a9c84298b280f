"""What no log says: whether slates please those that they are made for, as the simulated shop knows."""

import pytest

from benchmarks.regret import RANDOM, Regret, regrets
from recsys.candidates.popularity import Popularity
from recsys.evaluation.report import RANKED
from recsys.events.simulator import ShopParams


@pytest.fixture(scope="module")
def learned() -> list[Regret]:
    return regrets(ShopParams(users=200, items=120, categories=6), [8, 40])


def test_regret_falls_with_days_of_data(learned: list[Regret]):
    week, weeks = (found.lacking[RANKED] for found in learned)
    assert weeks < 0.9 * week


def test_it_is_well_under_that_of_the_popular_and_the_popular_under_chance(learned: list[Regret]):
    for found, share in zip(learned, (0.9, 0.75), strict=True):
        ranked, popular, chance = (found.lacking[name] for name in (RANKED, Popularity.name, RANDOM))
        assert 0 < ranked < share * popular
        assert popular < chance < 1
