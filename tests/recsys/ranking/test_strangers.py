"""Strangers get the plain list only where it was shown to be better."""

from datetime import UTC, datetime

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.features.feature_set import FeatureSet
from recsys.ranking.ranker import Ranker
from recsys.ranking.strangers import best_list
from recsys.sites.config import RankerPolicy

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
POPULAR = c.source_score("popularity")
FEATURES = FeatureSet(names=(POPULAR,))
"What tells a stranger's success is not among them."


def rows(users: int = 30, known: bool = False) -> pl.DataFrame:
    """What somebody takes is what others began with; popularity says nothing, or the opposite for known users."""
    rng = np.random.default_rng(5)
    items = 8
    label = rng.permuted(np.tile(np.arange(items) == 0, (users, 1)), axis=1).ravel()
    return pl.DataFrame(
        {
            c.USER_ID: np.repeat([f"{'k' if known else 's'}{n:02d}" for n in range(users)], items),
            c.ITEM_ID: np.tile([f"i{n}" for n in range(items)], users),
            POPULAR: rng.random(users * items),
            c.ITEM_FIRST_CHOICES: np.where(known, rng.random(users * items), label + rng.random(users * items) / 2),
            c.LABEL: label.astype(np.int32),
        }
    ).with_columns(pl.lit(AS_OF).alias(c.AS_OF), pl.lit(9.0 if known else None, pl.Float64).alias(c.USER_EVENTS))


def test_a_list_that_is_right_wins_over_scores_that_are_not():
    strangers = rows()
    assert best_list(strangers, np.zeros(strangers.height)) == c.ITEM_FIRST_CHOICES


def test_scores_that_are_as_good_keep_their_place():
    strangers = rows()
    assert best_list(strangers, strangers[c.LABEL].to_numpy().astype(float)) is None


def test_known_users_have_no_say():
    known = rows(known=True).with_columns(pl.col(c.LABEL).cast(pl.Float64).alias(POPULAR))
    assert best_list(known, -known[c.LABEL].to_numpy().astype(float)) is None


def test_without_lists_the_scores_stay():
    strangers = rows().drop(POPULAR, c.ITEM_FIRST_CHOICES)
    assert best_list(strangers, np.zeros(strangers.height)) is None


def test_the_ranker_serves_strangers_the_list_it_chose(tmp_path):
    learned = pl.concat([rows(users=12), rows(users=200, known=True)])
    ranker = Ranker(FEATURES, RankerPolicy(iterations=2)).fit(learned, rng=np.random.default_rng(1))
    assert ranker.strangers_list == c.ITEM_FIRST_CHOICES
    asked = pl.concat([rows(users=3), rows(users=3, known=True)])
    ranker.save(tmp_path)
    for one in (ranker, Ranker.load(tmp_path)):
        np.testing.assert_allclose(one.score(asked)[:24], asked[c.ITEM_FIRST_CHOICES].to_numpy()[:24])
