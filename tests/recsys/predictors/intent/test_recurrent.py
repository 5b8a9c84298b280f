"""A network that reads sessions event by event: it finds what only the order tells, and knows nothing of what comes."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import ConfigError, FeatureMismatch, NotEnoughData, ReleaseError
from recsys.predictors.gate import MODEL
from recsys.predictors.intent import Session, fit_intent, judge_intent, prefixes_of
from recsys.predictors.intent.recurrent import Lessons, Told, fit_recurrent, in_lanes
from recsys.predictors.probability_contest import ProbabilityContest
from recsys.predictors.quality import probability_quality
from recsys.serving.predicting.intent import PurchaseIntent
from recsys.serving.predicting.session import SessionEvent
from recsys.sites.predictor_policy import IntentPolicy, RecurrentPolicy

RARELY, OFTEN = 0.05, 0.9
SMALL = RecurrentPolicy(hidden_size=8, epochs=10, batch_size=4, learning_rate=0.02)
EVENT = st.builds(
    SessionEvent,
    st.sampled_from(["view", "cart", "remove"]),
    st.none() | st.floats(0, 1e9),
    st.none() | st.sampled_from("ab"),
    st.none() | st.sampled_from("xy"),
    st.none() | st.floats(0, 1e6),
)


def kept_in_cart(kinds: list[str]) -> bool:
    """The planted rule: something was put in the cart, and nothing was taken out again after that."""
    moves = [kind for kind in kinds if kind != "view"]
    return moves[-1:] == ["cart"]


def ruled_sessions(count: int, rng: np.random.Generator) -> list[Session]:
    """Of five events each, so that after the fifth it is known what the rule says."""
    sessions = []
    for number in range(count):
        kinds = ["view", *rng.choice(["view", "view", "view", "cart", "remove"], 4)]
        events = tuple(
            SessionEvent(str(kind), 1e4 * number + 20.0 * n, f"i{n % 3}", "x", 5.0) for n, kind in enumerate(kinds)
        )
        bought = bool(rng.random() < (OFTEN if kept_in_cart(kinds) else RARELY))
        sessions.append(Session(f"u{number:05d}", events, bought, events[-1].timestamp or 0.0))
    return sessions


def fit(sessions, rules, seed=3):
    return fit_intent(
        sessions, rules, IntentPolicy(model="recurrent", recurrent=SMALL), rng=np.random.default_rng(seed)
    )


@pytest.fixture(scope="module")
def learned():
    return ruled_sessions(1000, np.random.default_rng(1))


@pytest.fixture(scope="module")
def later():
    return ruled_sessions(500, np.random.default_rng(2))


@pytest.fixture(scope="module")
def network(learned, rules):
    pytest.importorskip("jax", reason="the extra neural is not installed")
    return fit(learned, rules)


def judged(fitted, sessions, rules, *, bare=False):
    rows = prefixes_of(sessions, rules, bare=bare)
    said = {name: rival.predict(rows.examples.table) for name, rival in fitted.baselines.items()}
    said[MODEL] = fitted.model.scorer.along(rows.examples.table, rows.session)
    return rows, said


@pytest.mark.parametrize("bare", [False, True])
def test_a_planted_rule_is_learned_also_from_types_alone(network, later, rules, bare):
    ends = [session.events for session in later]
    said = network.model.predict([[e.bare for e in events] if bare else events for events in ends])
    rule = np.array([kept_in_cart([event.event_type for event in events]) for events in ends])
    assert said[rule].mean() == pytest.approx(OFTEN, abs=0.12)
    assert said[~rule].mean() == pytest.approx(RARELY, abs=0.06)
    rows, contestants = judged(network, later, rules, bare=bare)
    found = judge_intent(rows, contestants, threshold=network.model.scorer.threshold)
    model = found.pop(MODEL)
    assert all(model.every_event.log_loss < rival.every_event.log_loss - 0.01 for rival in found.values())
    assert model.every_event.ece < 0.05
    assert model.weighted_micro_f1 > max(rival.weighted_micro_f1 for rival in found.values())


def test_numpy_says_what_jax_says(network, learned, later, rules):
    from recsys.predictors.intent.recurrent_network import log_odds

    scorer = network.model.scorer
    told = Told.of(later, rules)
    lessons = Lessons(told, scorer.inputs)
    served = scorer.log_odds(told.table, told.session)
    rows = in_lanes(lessons.starts, lessons.lengths, 64)
    inputs = scorer.inputs(told.table).astype(np.float32)
    trained = np.asarray(log_odds(scorer.weights, inputs[rows], lessons.begins[rows]))
    assert np.abs(trained[rows >= 0] - served[rows[rows >= 0]]).max() < 1e-5
    assert (rows >= 0).sum() == len(served)


@settings(max_examples=60, deadline=None)
@given(events=st.lists(EVENT, min_size=1, max_size=20), data=st.data())
def test_nothing_later_changes_an_earlier_prediction(network, rules, events, data):
    now = data.draw(st.integers(1, len(events)))
    whole, cut = (
        network.model.scorer.along(rows.examples.table, rows.session)
        for rows in (prefixes_of([Session("u", tuple(part), True, 0.0)], rules) for part in (events, events[:now]))
    )
    assert whole[:now] == pytest.approx(cut, abs=1e-12)
    assert ((whole >= 0) & (whole <= 1)).all()


def test_what_is_asked_event_by_event_is_what_was_judged_whoever_is_asked_beside_it(network, later, rules):
    rows, said = judged(network, later[:100], rules)
    asked = [later[s].events[:n] for s, n in zip(rows.session, rows.events, strict=True)]
    together = network.model.predict(asked)
    assert together == pytest.approx(said[MODEL], abs=1e-12)
    assert [network.model.predict([each])[0] for each in asked[:50]] == pytest.approx(together[:50], abs=1e-12)


def test_it_is_the_same_after_it_was_saved_and_trained_again(network, learned, later, rules, tmp_path):
    version = network.model.save(tmp_path / "first")
    loaded = PurchaseIntent.load(tmp_path / "first")
    asked = [[], *(session.events for session in later)]
    assert loaded.predict(asked).tolist() == network.model.predict(asked).tolist()
    assert loaded.predict([[]])[0] == np.mean([session.bought for session in learned])
    assert (loaded.version, loaded.rules, loaded.scorer.threshold) == (version, rules, network.model.scorer.threshold)
    assert {path.name for path in (tmp_path / "first").iterdir()} == {"network.npz", "predictor.json"}
    assert fit(learned, rules).model.save(tmp_path / "again") == version
    (tmp_path / "again" / "predictor.json").unlink()
    with pytest.raises(ReleaseError, match=r"found no predictor\.json"):
        PurchaseIntent.load(tmp_path / "again")


def test_shuffled_labels_score_as_chance_and_are_refused(learned, later, rules):
    pytest.importorskip("jax", reason="the extra neural is not installed")
    drawn = np.random.default_rng(5)

    def shuffled(sessions):
        outcomes = drawn.permutation([session.bought for session in sessions])
        return [replace(each, bought=bool(bought)) for each, bought in zip(sessions, outcomes, strict=True)]

    fitted = fit(shuffled(learned), rules)
    rows, said = judged(fitted, shuffled(later), rules)
    found = probability_quality(rows.examples.labels, said[MODEL])
    assert found.auc == pytest.approx(0.5, abs=0.07)
    assert found.normalised_entropy > 0.98
    contest = ProbabilityContest(fitted.model, fitted.learned, rows.examples.labels, said, rows.session, None)
    assert not contest.decide().accepted


def test_a_table_of_other_features_and_one_kind_of_outcome_are_refused(network, learned, rules):
    with pytest.raises(FeatureMismatch, match="features that the model was trained on"):
        network.model.scorer.along(np.zeros((1, 2), dtype=np.float32), np.zeros(1, dtype=np.int64))
    nobody = [replace(session, bought=False) for session in learned[:50]]
    with pytest.raises(NotEnoughData, match="found 0 buying sessions among 50 to hold back"):
        fit_recurrent(learned, nobody, rules, SMALL, calibrate=None, rng=np.random.default_rng(1))


def test_lanes_hold_every_session_whole():
    assert in_lanes(np.array([0, 3, 5]), np.array([3, 2, 4]), 5).tolist() == [[0, 1, 2, 3, 4], [5, 6, 7, 8, -1]]


def test_without_jax_the_extra_is_named(learned, rules, monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(ConfigError, match=r"found no jax.*make setup NEURAL=1"):
        fit(learned, rules)


def test_it_is_served_without_jax(network, later, tmp_path):
    network.model.save(tmp_path)
    program = """if True:
        import sys
        from pathlib import Path
        sys.modules |= dict.fromkeys(["jax", "optax", "catboost", "sklearn", "polars"])
        from recsys.serving.predicting.intent import PurchaseIntent
        from recsys.serving.predicting.session import SessionEvent
        print(PurchaseIntent.load(Path(sys.argv[1])).predict([[SessionEvent("view"), SessionEvent("add")]])[0])"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)
    assert float(done.stdout) == network.model.predict([[SessionEvent("view"), SessionEvent("cart")]])[0]
