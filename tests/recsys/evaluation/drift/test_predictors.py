"""Predictions that hold raise no alarm, by day or by chance; each way of failing is told by name."""

import numpy as np
import pytest

from recsys.evaluation.bootstrap import Interval
from recsys.evaluation.drift.distributions import Change
from recsys.evaluation.drift.outcomes import Outcome, auc, mean, outcome
from recsys.evaluation.drift.predictors import Compared, Continued, checks
from recsys.evaluation.drift.reference import Histogram, Reference
from recsys.sites.drift_policy import PredictorDriftPolicy

POLICY = PredictorDriftPolicy()
NO_DRIFT = Change(psi=0.0, ks=0.0)


def drawn(rng, rows: int, *, moved: float = 0.0, days: int = 6):
    """A price, a day of the week, something of which there is nothing, and something that is always the same."""
    day = np.sort(rng.integers(0, days, rows))
    price = np.where(rng.random(rows) < 0.1, np.nan, rng.lognormal(1 + moved, 1, rows))
    table = np.stack([price, day % 7, np.full(rows, np.nan), np.ones(rows)], axis=1).astype(np.float32)
    said = 1 / (1 + np.exp(2 - 0.3 * np.nan_to_num(np.log(price))))
    return table, said, rng.random(rows) < said, day


NAMES = ("price", "weekday", "nothing", "one")


def reference(rng, rows: int = 6000) -> Reference:
    table, said, labels, days = drawn(rng, rows)
    return Reference.of(NAMES, table, said, labels, days)


def test_a_day_like_those_before_has_not_drifted_though_it_is_one_weekday():
    rng = np.random.default_rng(1)
    kept = Reference.model_validate_json(reference(rng).model_dump_json())
    table, said, *_ = drawn(rng, 1000, days=1)
    found = kept.changes(NAMES, table)
    assert set(found) == set(NAMES)
    assert all(each.psi < 0.02 and each.ks < 0.02 for each in found.values())
    assert kept.predictions.change(said).psi < 0.02


def test_a_feature_that_moved_is_the_farthest_and_so_are_the_predictions():
    rng = np.random.default_rng(2)
    kept = reference(rng)
    table, said, *_ = drawn(rng, 1000, moved=1.0)
    name, change = next(iter(kept.changes(NAMES, table).items()))
    assert name == "price"
    assert change.psi > 0.25
    assert change.ks > 0.25
    assert kept.predictions.change(said).psi > 0.25


def test_what_was_always_the_same_or_never_known_is_seen_to_change():
    rng = np.random.default_rng(3)
    kept = reference(rng)
    table, *_ = drawn(rng, 1000)
    table[:, 2:] = [3.0, 0.5]
    found = kept.changes(NAMES, table)
    assert found["nothing"].psi > 1
    assert found["one"].psi > 1


def test_a_histogram_has_deciles_a_bin_below_and_one_above_and_one_of_the_missing():
    values = np.array([*np.arange(100.0), np.nan])
    found = Histogram.of(values, np.zeros(101, np.int64))
    assert sum(found.counts) == 101
    assert found.counts[0] == found.counts[-2] == 0
    assert found.counts[-1] == 1
    assert all(count == 10 for count in found.counts[1:-2])
    assert found.change(values) == NO_DRIFT


def looked_at(rng, *, odds: float = 0.0, shuffled: bool = False, rows: int = 4000) -> Outcome:
    """Probabilities of which four rows each are of one user; what happens is likelier by ``odds`` than they say."""
    said = np.repeat(rng.beta(2, 6, rows // 4), 4)
    truth = 1 / (1 + np.exp(-(np.log(said / (1 - said)) + odds)))
    labels = rng.random(rows) < (rng.permutation(truth) if shuffled else truth)
    losses, base = (-np.where(labels, np.log(each), np.log1p(-each)) for each in (said, np.full(rows, 0.25)))
    return outcome(labels, said, losses, base, np.arange(rows) // 4, rng=rng)


def failed(found: Outcome | None, **of) -> list[str]:
    compared = found and Compared(
        rows=found.rows, predictions=NO_DRIFT, outcome=found, **{"features": {"f": NO_DRIFT}, "auc_before": 0.66} | of
    )
    return [check.name for check in checks(POLICY, age_hours=1.0, found=compared) if not check.passed]


@pytest.mark.parametrize("seed", range(5))
def test_probabilities_that_hold_raise_no_alarm(seed):
    found = looked_at(np.random.default_rng(seed))
    assert failed(found) == []
    assert found.calibration.low < 1 < found.calibration.high
    assert found.gain.low > 0


@pytest.mark.parametrize("odds", [-0.8, 0.8])
def test_what_happens_far_more_or_less_than_predicted_is_told(odds):
    found = looked_at(np.random.default_rng(1), odds=odds)
    assert "what happened, relative to what was predicted" in failed(found)
    assert (found.calibration.mean > 1) == (odds > 0)
    assert found.auc.mean > 0.6


def test_probabilities_of_others_rows_are_no_better_than_the_base_rate_and_order_nothing():
    found = looked_at(np.random.default_rng(1), shuffled=True)
    assert failed(found) == ["the gain over the base rate's log-loss", "the AUC"]
    assert found.gain.high < 0
    assert found.auc.low < 0.5 < found.auc.high


def test_too_little_is_no_proof_and_what_was_not_compared_is_not_asked():
    assert failed(looked_at(np.random.default_rng(1), odds=0.8, rows=20)) == []
    assert failed(None) == []


def test_intervals_are_of_groups_not_of_rows():
    rng = np.random.default_rng(5)
    said = np.repeat(rng.beta(2, 6, 300), 20)
    labels = np.repeat(rng.random(300) < said[::20], 20)
    losses = -np.where(labels, np.log(said), np.log1p(-said))
    widths = [
        (found := outcome(labels, said, losses, losses + 1, groups, rng=rng).calibration).high - found.low
        for groups in (np.arange(6000), np.arange(6000) // 20)
    ]
    assert widths[1] > 3 * widths[0]


def test_auc_is_the_textbooks():
    labels = np.array([True, False, True, False, False])
    assert auc(labels, np.array([0.9, 0.1, 0.4, 0.4, 0.2])) == pytest.approx(5.5 / 6)
    assert auc(labels[:1], np.array([0.5])) is None


def test_without_a_success_only_the_gain_is_known():
    losses = np.full(500, 0.1)
    found = outcome(
        np.zeros(500, np.bool_), np.full(500, 0.1), losses, losses * 2, np.arange(500), rng=np.random.default_rng(0)
    )
    assert (found.calibration, found.auc, found.gain.mean) == (None, None, pytest.approx(0.5))
    assert failed(found) == []


def test_features_and_age_are_told_by_name():
    far = {"price": Change(psi=0.5, ks=0.4), "hour": Change(psi=0.3, ks=0.1), "gap": NO_DRIFT}
    compared = Compared(
        rows=500, features=far, predictions=far["price"], outcome=looked_at(np.random.default_rng(0)), auc_before=None
    )
    psi, ks, said = (each for each in checks(POLICY, age_hours=1.0, found=compared) if not each.passed)
    assert (psi.items, ks.items) == (("price", "hour"), ("price",))
    assert said.name == "the predictions' drift (PSI)"
    (old,) = checks(POLICY, age_hours=200.0, found=None)
    assert not old.passed


def test_sessions_that_go_on_otherwise_and_items_that_are_new_are_told():
    def failed_with(mrr: Interval, unknown_items: float) -> list[str]:
        found = Continued(rows=900, mrr=mrr, mrr_before=0.3, unknown_items=unknown_items)
        return [check.name for check in checks(POLICY, age_hours=1.0, found=found) if not check.passed]

    assert failed_with(Interval(mean=0.2, low=0.18, high=0.22), 0.1) == []
    assert failed_with(Interval(mean=0.2, low=0.18, high=0.2), 0.1) == ["the MRR@20"]
    assert failed_with(Interval(mean=0.3, low=0.28, high=0.32), 0.5) == ["items that it does not know"]


def test_a_mean_is_as_sure_as_there_are_groups():
    values, rng = np.repeat([0.0, 1.0, 1.0, 1.0], 100), np.random.default_rng(0)
    rows, groups = mean(values, np.arange(400), rng=rng), mean(values, np.arange(400) // 100, rng=rng)
    assert rows.mean == groups.mean == 0.75
    assert 0.7 < rows.low < rows.high < 0.8
    assert groups.low < 0.3
