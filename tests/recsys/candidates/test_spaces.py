"""What is tuned: every kind has a space, and every point of it is a configuration."""

from itertools import product

import pytest

from recsys.candidates.registry import KINDS, build_generators
from recsys.candidates.spaces import SPACES
from recsys.evaluation.search import Trial, suggest
from recsys.ranking.space import SPACE
from recsys.sites.config import ComponentSpec
from recsys.sites.ranker_policy import RankerPolicy


def test_every_kind_with_parameters_has_a_space():
    assert set(SPACES) == {kind for kind, (params, _) in KINDS.items() if params.model_fields}


@pytest.mark.parametrize("kind", SPACES)
def test_every_value_of_a_generators_space_is_one_that_it_takes(kind: str):
    params, _ = KINDS[kind]
    for name, values in SPACES[kind].items():
        assert list(values) == sorted(set(values)), name
        for value in values:
            taken = getattr(params.model_validate({name: value}), name)
            assert (taken, type(taken)) == (value, type(value))


@pytest.mark.parametrize("kind", SPACES)
def test_what_is_suggested_builds(kind: str):
    known = [Trial(number=0, params={}, values=(0.1,))]
    for number in range(1, 4):
        params = suggest(SPACES[kind], number, method="tpe", known=known, seed=7)
        assert set(params) == set(SPACES[kind])
        assert build_generators([ComponentSpec(kind=kind, params=params)])[0].name == kind


def test_every_point_of_the_rankers_space_is_a_policy():
    for values in product(*SPACE.values()):
        RankerPolicy.model_validate(dict(zip(SPACE, values, strict=True)))
