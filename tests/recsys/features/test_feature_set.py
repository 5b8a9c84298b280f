import pytest

from recsys import columns as c
from recsys.errors import FeatureMismatch
from recsys.features.feature_set import FeatureSet


def test_the_set_follows_the_sources():
    names = FeatureSet.of(["als", "ease"]).names
    assert names[:6] == ("als_score", "als_share", "als_rank", "ease_score", "ease_share", "ease_rank")
    assert c.CATEGORY in names
    assert len(set(names)) == len(names)
    assert c.CATEGORY not in FeatureSet.of([]).numeric


def test_the_hash_knows_names_order_and_kind():
    sets = [
        FeatureSet(names=("a", "b")),
        FeatureSet(names=("b", "a")),
        FeatureSet(names=("a", "b"), categorical=("a",)),
        FeatureSet(names=("a",)),
    ]
    assert len({one.hash for one in sets}) == len(sets)
    assert FeatureSet(names=("a", "b")).hash == sets[0].hash


def test_another_set_is_refused_with_what_differs():
    FeatureSet(names=("a",)).require(FeatureSet(names=("a",)))
    with pytest.raises(FeatureMismatch, match=r"missing \['a'\], new \['z'\]"):
        FeatureSet(names=("a", "b")).require(FeatureSet(names=("b", "z")))
