"""The linear score beside the trees, and how much it counts."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from recsys.errors import NotEnoughData
from recsys.predictors.examples import Examples
from recsys.predictors.linear import fit_linear, mixed
from recsys.predictors.quality import probability_quality
from recsys.predictors.trees import TreeParams, fit_trees
from recsys.serving.predicting.scorer import Scorer

NAMES = ("a", "b", "c")


def drawn(rows: int, seed: int) -> Examples:
    """A success is likely where a is high and b is near 0; c is always the same."""
    rng = np.random.default_rng(seed)
    table = np.stack([rng.normal(5, 3, rows), rng.normal(0, 1, rows), np.ones(rows)], axis=1).astype(np.float32)
    odds = 0.4 * (table[:, 0] - 5) + 2 * (np.abs(table[:, 1]) < 0.5) - 1
    table[rng.random(rows) < 0.1, 0] = np.nan
    return Examples(table, rng.random(rows) < 1 / (1 + np.exp(-odds)))


def fitted(calibrate: str | None = None) -> Scorer:
    params = TreeParams(iterations=80, learning_rate=0.1, depth=3, calibrate=calibrate, seed=7)
    return fit_trees(drawn(3000, 1), drawn(1000, 2), NAMES, params)


def test_it_is_the_logistic_regression_with_means_for_what_is_not_known():
    rows = drawn(500, 1)
    known = np.where(np.isnan(rows.table), np.nanmean(rows.table, axis=0, dtype=np.float64), rows.table)
    scaled = StandardScaler().fit_transform(known)
    expected = LogisticRegression(max_iter=500).fit(scaled, rows.labels).decision_function(scaled)
    np.testing.assert_allclose(fit_linear(rows).score(rows.table), expected, atol=1e-9)


def test_what_says_more_counts_more():
    held, linear = drawn(1000, 2), fit_linear(drawn(1000, 1))
    perfect, nonsense = np.where(held.labels, 4.0, -4.0), np.random.default_rng(3).normal(0, 4, 1000)
    assert mixed(linear, held, perfect).share == 1.0
    assert mixed(linear, held, nonsense).share <= 0.1


def test_trees_and_line_together_say_no_less_than_either():
    scorer, judged = fitted(), drawn(4000, 3)
    loss = probability_quality(judged.labels, scorer.predict(judged.table)).log_loss
    for share in (0.0, 1.0):
        alone = Scorer(
            scorer.model,
            features=NAMES,
            mixture=scorer.mixture.model_copy(update={"share": share}),
            calibration=None,
            threshold=0.5,
        )
        assert loss <= probability_quality(judged.labels, alone.predict(judged.table)).log_loss + 0.002


@pytest.mark.parametrize("method", ["platt", "isotonic", None])
def test_a_calibration_is_saved_with_it(method, tmp_path):
    scorer, judged = fitted(method), drawn(2000, 3)
    scorer.save(tmp_path)
    loaded = Scorer.load(tmp_path)
    assert (loaded.calibration is None) == (method is None)
    assert loaded.predict(judged.table).tolist() == scorer.predict(judged.table).tolist()
    assert (loaded.threshold, loaded.mixture) == (scorer.threshold, scorer.mixture)
    assert probability_quality(judged.labels, loaded.predict(judged.table)).ece < 0.05


def test_one_kind_of_row_teaches_nothing():
    rows = drawn(100, 1)
    params = TreeParams(iterations=5, learning_rate=0.1, depth=3, calibrate=None, seed=7)
    for learned, held in ((rows[rows.labels], rows), (rows, rows[~rows.labels])):
        with pytest.raises(NotEnoughData, match="expected both kinds"):
            fit_trees(learned, held, NAMES, params)
