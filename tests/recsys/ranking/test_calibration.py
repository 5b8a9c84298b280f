"""Scores become probabilities that hold on rows nobody has seen."""

import json

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.errors import NotEnoughData, NotFittedError
from recsys.features.feature_set import FeatureSet
from recsys.ranking.ranker import Ranker
from recsys.ranking.training_rows import training_rows
from recsys.serving.predicting.calibration import Calibration
from recsys.sites.ranker_policy import RankerPolicy
from recsys.testing.checkerboard import START

METHODS = ("isotonic", "platt")
SIGNAL = "popularity_score"


def asked(users: int, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Candidates, 40 for each user, and what was taken: the likelier the higher the signal, from 1 % to 40 %."""
    rng = np.random.default_rng(seed)
    signal = rng.random(users * 40)
    taken = rng.random(users * 40) < 0.01 + 0.39 * signal**3
    rows = pl.DataFrame(
        {
            c.USER_ID: np.repeat([f"u{n:04d}" for n in range(users)], 40),
            c.ITEM_ID: np.tile([f"i{n:02d}" for n in range(40)], users),
            SIGNAL: signal,
        }
    )
    return rows, rows.select(c.USER_ID, c.ITEM_ID).filter(taken).with_columns(pl.lit(1, pl.Int32).alias(c.LABEL))


def learned(method: str | None, negatives: int = 10) -> Ranker:
    rows, taken = asked(400, seed=1)
    drawn = training_rows(rows, taken, as_of=START, negatives_per_user=negatives, rng=np.random.default_rng(2))
    policy = RankerPolicy(iterations=20, calibrate=method)
    return Ranker(FeatureSet(names=(SIGNAL,)), policy).fit(drawn, rng=np.random.default_rng(3))


@pytest.mark.parametrize("method", METHODS)
def test_what_is_said_to_be_so_likely_happens_so_often(method, tmp_path):
    """Also where only a part of the negatives was learned from, and on users who were not there."""
    ranker = learned(method)
    rows, taken = asked(400, seed=9)
    rows = rows.join(taken, on=[c.USER_ID, c.ITEM_ID], how="left", maintain_order="left")
    said = ranker.probabilities(rows)
    assert ((said >= 0) & (said <= 1)).all()
    happened = (rows[c.LABEL].fill_null(0) > 0).to_numpy()
    for tenth in np.array_split(np.argsort(said, kind="stable"), 10):
        assert said[tenth].mean() == pytest.approx(happened[tenth].mean(), abs=0.05)
    assert said.mean() == pytest.approx(happened.mean(), abs=0.01)
    ranker.save(tmp_path)
    np.testing.assert_allclose(Ranker.load(tmp_path).probabilities(rows), said)


@pytest.mark.parametrize("method", METHODS)
def test_a_higher_score_is_never_less_likely(method):
    ranker = learned(method)
    rows, _ = asked(20, seed=4)
    in_order = ranker.probabilities(rows)[np.argsort(ranker.score(rows), kind="stable")]
    assert (np.diff(in_order) >= 0).all()


def test_calibration_changes_no_order():
    rows, _ = asked(20, seed=4)
    np.testing.assert_array_equal(learned(None).score(rows), learned("isotonic").score(rows))


def test_a_ranker_that_was_not_calibrated_says_so():
    rows, _ = asked(2, seed=4)
    with pytest.raises(NotFittedError, match=r"ranker\.calibrate"):
        learned(None).probabilities(rows)


@pytest.mark.parametrize("method", METHODS)
def test_its_state_is_json(method):
    one = Calibration.of(method, np.arange(4.0), np.array([False, True, False, True]), np.ones(4))
    again = Calibration.model_validate(json.loads(one.model_dump_json()))
    np.testing.assert_array_equal(again.probability(np.linspace(-9, 9, 7)), one.probability(np.linspace(-9, 9, 7)))


def test_one_outcome_alone_teaches_nothing():
    with pytest.raises(NotEnoughData, match="expected both kinds"):
        Calibration.of("platt", np.arange(3.0), np.ones(3, dtype=bool), np.ones(3))
