"""Strangers get a plain list beside the ranker only where it was shown to be better."""

from datetime import UTC, datetime

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.features.feature_set import FeatureSet
from recsys.ranking.ranker import Ranker
from recsys.ranking.strangers import best_list, fused
from recsys.sites.ranker_policy import RankerPolicy

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
POPULAR = c.source_score("popularity")
FEATURES = FeatureSet(names=(POPULAR,))
"What tells a stranger's success is not among them."
ITEMS = 8


def rows(users: int = 30, known: bool = False) -> pl.DataFrame:
    """One success a user. Strangers take what others began with; what known users take, nothing tells."""
    rng = np.random.default_rng(5)
    size = users * ITEMS
    label = rng.permuted(np.tile(np.arange(ITEMS) == 0, (users, 1)), axis=1).ravel()
    frame = {
        c.USER_ID: np.repeat([f"{'k' if known else 's'}{n:03d}" for n in range(users)], ITEMS),
        c.ITEM_ID: np.tile([f"i{n}" for n in range(ITEMS)], users),
        POPULAR: rng.random(size),
        c.ITEM_FIRST_CHOICES: rng.random(size) if known else label + rng.random(size) / 2,
        c.LABEL: label.astype(np.int32),
    }
    events = pl.lit(9.0 if known else None, pl.Float64).alias(c.USER_EVENTS)
    return pl.DataFrame(frame).with_columns(pl.lit(AS_OF).alias(c.AS_OF), events)


def test_a_list_that_is_right_helps_scores_that_are_not():
    assert best_list(rows(), np.zeros(rows().height)) == c.ITEM_FIRST_CHOICES


def test_scores_that_are_as_good_stay_alone():
    assert best_list(rows(), rows()[c.LABEL].to_numpy().astype(float)) is None


def test_known_users_have_no_say():
    known = rows(known=True).with_columns(pl.col(c.LABEL).cast(pl.Float64).alias(POPULAR))
    assert best_list(known, -known[c.LABEL].to_numpy().astype(float)) is None


def test_without_lists_the_scores_stay():
    assert best_list(rows().drop(POPULAR, c.ITEM_FIRST_CHOICES), np.zeros(rows().height)) is None


def test_only_strangers_scores_are_fused_and_the_order_of_rows_does_not_matter():
    both = pl.concat([rows(2, known=True), rows(2)])
    scores = np.random.default_rng(2).random(both.height)
    found = fused(both, scores, POPULAR)
    np.testing.assert_array_equal(found[: 2 * ITEMS], scores[: 2 * ITEMS])
    np.testing.assert_array_equal(fused(both.reverse(), scores[::-1], POPULAR)[::-1], found)
    first = pl.DataFrame({"score": scores, "list": both[POPULAR]})[2 * ITEMS : 3 * ITEMS]
    ranks = first.select(pl.all().rank(descending=True))
    np.testing.assert_allclose(found[2 * ITEMS : 3 * ITEMS], (1 / (60 + ranks["score"]) + 1 / (60 + ranks["list"])))


def test_the_ranker_keeps_what_it_chose(tmp_path):
    learned = pl.concat([rows(users=12), rows(users=200, known=True)])
    ranker = Ranker(FEATURES, RankerPolicy(iterations=2)).fit(learned, rng=np.random.default_rng(1))
    assert ranker.strangers_list == c.ITEM_FIRST_CHOICES
    ranker.save(tmp_path)
    asked = rows(users=40)
    scores = Ranker.load(tmp_path).score(asked)
    np.testing.assert_array_equal(scores, ranker.score(asked))
    hits = (
        asked.with_columns(pl.Series(c.SCORE, scores)).group_by(c.USER_ID).agg(pl.col(c.LABEL).sort_by(c.SCORE).last())
    )
    assert hits[c.LABEL].mean() > 2 / ITEMS
