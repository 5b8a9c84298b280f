import numpy as np
import pytest

from recsys.events.simulator.keyed import Keyed
from recsys.events.simulator.tenancy import Tenancy
from recsys.events.simulator.vocabulary import model_name


def test_a_number_has_an_address_of_its_own():
    dice = Keyed(7)
    keys = np.arange(1000)
    together = dice.uniform("price", keys, 3)
    assert together[17] == dice.uniform("price", 17, 3)[0]
    assert len(set(together)) == 1000
    for other in (dice.uniform("stock", keys, 3), dice.uniform("price", keys, 4), Keyed(8).uniform("price", keys, 3)):
        assert abs(np.corrcoef(together, other)[0, 1]) < 0.1
    assert abs(np.corrcoef(dice.uniform("price", keys, keys + 1), dice.uniform("price", keys + 1, keys))[0, 1]) < 0.1


def test_numbers_are_spread_as_they_should_be():
    dice = Keyed(0)
    uniform = dice.uniform("u", np.arange(100_000))
    assert 0 < uniform.min() < uniform.max() < 1
    assert np.histogram(uniform, bins=10, range=(0, 1))[0] == pytest.approx(10_000, rel=0.05)
    normal = dice.normal("n", np.arange(100_000))
    assert (normal.mean(), normal.std()) == pytest.approx((0.0, 1.0), abs=0.02)
    assert np.linalg.norm(dice.direction("d", np.arange(9), dims=8), axis=1) == pytest.approx(1.0)


def test_places_are_always_taken_and_no_tenant_comes_back():
    tenancy = Tenancy(Keyed(1), "user", 50, shortest=3, longest=30)
    seen: dict[int, list[int]] = {}
    for day in range(5000, 5120):
        here = tenancy.present(day)
        assert len(set(here)) == 50
        assert tenancy.is_present(here, day).all()
        for tenant in here.tolist():
            seen.setdefault(tenant, []).append(day)
    assert all(days == list(range(days[0], days[-1] + 1)) for days in seen.values())
    came_later = {tenant: days[0] for tenant, days in seen.items() if days[0] > 5000}
    assert tenancy.since(np.array(list(came_later))).tolist() == list(came_later.values())
    assert len(seen) > 200


def test_made_up_names_are_all_different():
    names = {model_name(number) for number in range(20_000)}
    assert len(names) == 20_000
    assert all(4 <= len(name) <= 8 and name[0].isupper() for name in names)
