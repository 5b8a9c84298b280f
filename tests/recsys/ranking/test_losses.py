"""The loss that a site is trained with, where its YAML leaves it open."""

import json

import numpy as np

from recsys.ranking.losses import TRIED, best_loss
from recsys.ranking.ranker import MANIFEST_FILE, Ranker
from recsys.sites.ranker_policy import RankerPolicy
from recsys.testing.rankers import FEATURES, labelled_rows


def test_the_best_wins_and_the_first_of_equals():
    assert best_loss(dict.fromkeys(TRIED, 0.3)) == TRIED[0]
    assert best_loss({**dict.fromkeys(TRIED, 0.3), TRIED[2]: 0.31}) == TRIED[2]


def test_the_choice_and_what_it_rests_on_are_kept(tmp_path):
    policy = RankerPolicy(loss="auto", iterations=10)
    ranker = Ranker(FEATURES, policy).fit(labelled_rows(), rng=np.random.default_rng(1))
    assert tuple(ranker.tried_losses) == TRIED
    assert ranker.loss == best_loss(ranker.tried_losses)
    ranker.save(tmp_path)
    assert json.loads((tmp_path / MANIFEST_FILE).read_text())["loss"] == ranker.loss
    assert Ranker.load(tmp_path).tried_losses == ranker.tried_losses


def test_a_loss_that_is_named_is_not_questioned():
    ranker = Ranker(FEATURES, RankerPolicy(loss="QuerySoftMax", iterations=5))
    assert ranker.fit(labelled_rows(), rng=np.random.default_rng(1)).loss == "QuerySoftMax"
    assert ranker.tried_losses == {}
