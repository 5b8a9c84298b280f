from typing import get_args

import pytest

from recsys import columns as c
from recsys.errors import FeatureMismatch
from recsys.features.feature_set import AFFINITY, GROUPS, FeatureSet
from recsys.sites import parse_site
from recsys.sites.ranker_policy import FeatureGroup

SITE = """
site: shop
source: {kind: none}
interactions: [{name: purchase}]
candidates: [{kind: popularity}, {kind: als}]
ranker: {features: [activity]}
"""


def test_the_set_follows_the_sources():
    names = FeatureSet.of(["als", "ease"]).names
    assert names[:6] == ("als_score", "als_share", "als_rank", "ease_score", "ease_share", "ease_rank")
    assert c.CATEGORY in names
    assert len(set(names)) == len(names)
    assert c.CATEGORY not in FeatureSet.of([]).numeric


def test_groups_of_features_can_be_left_out():
    every = FeatureSet.of(["als"], groups=get_args(FeatureGroup)).names
    assert {c.ITEM_HOUR, c.PAIR_EVENTS_AGO, c.source_affinity("als")} <= set(every)
    without = FeatureSet.of(["als"], groups=[group for group in GROUPS if group != "rhythm"]).names
    assert set(every) - set(without) == {*GROUPS["rhythm"], c.source_affinity("als")}


def test_a_site_may_name_every_group():
    assert set(get_args(FeatureGroup)) == {*GROUPS, AFFINITY}


def test_a_site_s_features_are_those_it_names():
    site = parse_site(SITE, name="shop.yaml")
    assert FeatureSet.of_site(site) == FeatureSet.of(["popularity", "als"], groups=["activity"])


def test_only_generators_with_vectors_have_affinities():
    names = FeatureSet.of(["ease", "als"], groups=[AFFINITY]).names
    assert c.source_affinity("als") in names
    assert c.source_affinity("ease") not in names


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
