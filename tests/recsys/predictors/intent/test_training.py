"""A purchase intent finds what is there to be found, and nothing where nothing is."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.errors import FeatureMismatch, ReleaseError, TableRefused
from recsys.predictors.intent import Session, fit_intent, intent_checks, judge_intent, prefixes_of
from recsys.predictors.trees import shap_summary
from recsys.serving.predicting.intent import PurchaseIntent
from recsys.serving.predicting.session import SessionEvent
from recsys.sites.predictor_policy import IntentChecks


def quality(fitted, sessions, rules, *, bare=False):
    rows = prefixes_of(sessions, rules, bare=bare)
    rivals = {name: rival.predict(rows.examples.table) for name, rival in fitted.baselines.items()}
    said = {"model": fitted.model.scorer.predict(rows.examples.table), **rivals}
    return judge_intent(rows, said, threshold=fitted.model.scorer.threshold)


def test_it_leads_every_baseline_and_says_what_is_true(fitted, later, rules):
    found = quality(fitted, later, rules)
    model = found.pop("model")
    assert all(model.every_event.log_loss < rival.every_event.log_loss for rival in found.values())
    assert model.with_cart.auc > 0.75
    assert model.every_event.ece < 0.05
    assert model.micro_f1[0] == pytest.approx(0.8, abs=0.06)


def test_types_alone_give_probabilities_that_hold(fitted, later, rules):
    bare = quality(fitted, later, rules, bare=True)["model"]
    assert bare.with_cart.mean_probability == pytest.approx(bare.with_cart.base_rate, abs=0.05)
    assert bare.every_event.ece < 0.05


def test_shuffled_labels_score_as_chance(earlier, later, rules, policy):
    outcomes = np.random.default_rng(5).permutation([session.bought for session in earlier])
    shuffled = [replace(each, bought=bool(bought)) for each, bought in zip(earlier, outcomes, strict=True)]
    found = quality(fit_intent(shuffled, rules, policy, rng=np.random.default_rng(3)), later, rules)["model"]
    assert found.with_cart.auc == pytest.approx(0.5, abs=0.12)
    assert found.every_event.normalised_entropy > 0.98


def test_what_is_served_is_what_was_trained(fitted, later, rules):
    """1,000 requests, each with the events so far: the features of training, to the bit."""
    rows = prefixes_of(later, rules)
    asked = [later[s].events[:n] for s, n in zip(rows.session[:1000], rows.events[:1000], strict=True)]
    assert fitted.model.table(asked).tobytes() == rows.examples.table[:1000].tobytes()


def test_a_session_is_scored_the_same_alone_and_in_any_order(fitted, later):
    asked = [session.events for session in later[:200]]
    together = fitted.model.predict(asked)
    assert together.tolist() == [fitted.model.predict([each])[0] for each in asked]
    assert together[::-1].tolist() == fitted.model.predict(asked[::-1]).tolist()
    assert ((together >= 0) & (together <= 1)).all()


def test_it_is_the_same_after_it_was_saved(fitted, later, tmp_path):
    version = fitted.model.save(tmp_path)
    loaded = PurchaseIntent.load(tmp_path)
    asked = [session.events for session in later]
    assert loaded.predict(asked).tolist() == fitted.model.predict(asked).tolist()
    assert loaded.version == version == fitted.model.version
    assert {path.name for path in tmp_path.iterdir()} == {"model.cbm", "predictor.json"}
    assert loaded.predict([]).tolist() == []


def test_where_nothing_has_happened_yet_it_says_how_many_sessions_buy(fitted, earlier, later, tmp_path):
    fitted.model.save(tmp_path)
    bought = [*later[0].events, SessionEvent("purchase")]
    said = PurchaseIntent.load(tmp_path).predict([[], later[0].events, bought])
    assert said[0] == said[2] == sum(session.bought for session in earlier) / len(earlier)
    assert said[1] == fitted.model.predict([later[0].events])[0]


def test_the_same_sessions_give_the_same_bytes(fitted, earlier, rules, policy, tmp_path):
    again = fit_intent(earlier, rules, policy, rng=np.random.default_rng(3))
    assert again.model.save(tmp_path / "a") == fitted.model.save(tmp_path / "b")


def test_another_set_of_features_is_refused(fitted, rules, tmp_path):
    other = rules.model_copy(update={"event_types": ("view", "purchase")})
    with pytest.raises(FeatureMismatch, match="train the predictor again"):
        PurchaseIntent(other, fitted.model.scorer, rate=0.1)
    with pytest.raises(FeatureMismatch, match="features that the model was trained on"):
        fitted.model.scorer.predict(np.zeros((1, 2), dtype=np.float32))
    with pytest.raises(ReleaseError, match=r"found no model\.cbm"):
        PurchaseIntent.load(tmp_path)


def test_a_table_that_is_not_as_expected_blocks(earlier, rules, policy):
    with pytest.raises(TableRefused, match=r"min_sessions: found 50 sessions, expected at least 200"):
        fit_intent(earlier[:50], rules, policy, rng=np.random.default_rng(3))
    long = [Session("u", session.events * 40, session.bought, session.ended) for session in earlier[:300]]
    failed = [check.name for check in intent_checks(long, IntentChecks()) if not check.passed]
    assert failed == ["events per session"]
    nobody = [replace(session, bought=False) for session in earlier[:300]]
    assert [check.name for check in intent_checks(nobody, IntentChecks()) if not check.passed] == ["base rate"]


def test_price_moves_the_scores_of_those_with_a_cart(fitted):
    heaviest = shap_summary(fitted.model.scorer, fitted.examples.table[:500])
    assert any("price" in name or name == "cart_value" for name in heaviest["feature"][:5])
