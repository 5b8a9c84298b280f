"""Metrics of probabilities, against sums by hand and values that are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.errors import DataError
from recsys.predictors.quality import best_threshold, calibration_curve, probability_quality

LABELS = np.array([True, False, True, False])
SAID = np.array([0.9, 0.6, 0.4, 0.1])


def test_metrics_by_hand():
    found = probability_quality(LABELS, SAID, threshold=0.5)
    assert found.log_loss == pytest.approx(-np.log([0.9, 0.4, 0.4, 0.9]).mean())
    assert found.normalised_entropy == pytest.approx(found.log_loss / np.log(2))
    assert found.auc == 0.75
    assert found.pr_auc == pytest.approx((1 + 2 / 3) / 2)
    assert (found.precision, found.recall, found.f1) == (0.5, 0.5, 0.5)
    assert found.ece == pytest.approx((0.1 + 0.6 + 0.6 + 0.1) / 4)


def test_the_base_rate_has_normalised_entropy_one():
    found = probability_quality(LABELS, np.full(4, 0.5))
    assert found.normalised_entropy == pytest.approx(1.0)
    assert found.auc == 0.5
    assert found.ece == 0.0
    assert len(found.curve) == 1


def test_one_kind_alone_has_no_auc():
    found = probability_quality(np.zeros(3, dtype=bool), np.zeros(3))
    assert (found.auc, found.pr_auc, found.normalised_entropy, found.f1) == (None, None, None, 0.0)
    assert found.log_loss == pytest.approx(0.0, abs=1e-6)


def test_what_is_no_probability_is_refused():
    for labels, said in ((LABELS, SAID[:2]), (LABELS[:0], SAID[:0]), (LABELS, SAID + 1), (LABELS, SAID * np.nan)):
        with pytest.raises(DataError, match="expected"):
            probability_quality(labels, said)


def test_the_threshold_has_the_best_f1():
    labels, said = np.array([False, True, True, True]), np.array([0.2, 0.3, 0.6, 0.7])
    assert best_threshold(labels, said) == 0.3


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.2, 0.3, 0.5, 0.9])), min_size=1, max_size=200))
def test_bins_hold_every_row_once_and_split_no_probability(rows):
    labels, said = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    curve = calibration_curve(labels, said)
    assert sum(each.rows for each in curve) == len(rows)
    assert [each.predicted for each in curve] == sorted(each.predicted for each in curve)
    assert sum(each.rows * each.observed for each in curve) == pytest.approx(labels.sum())
    assert len(curve) <= len(set(said.tolist()))
