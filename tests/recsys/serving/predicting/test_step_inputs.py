"""What a network is told of an event, by hand."""

import json
from math import log, nan

import numpy as np
import pytest

from recsys.serving.predicting.session import SessionEvent, SessionRules
from recsys.serving.predicting.session_features import SessionWalk, feature_names
from recsys.serving.predicting.step_inputs import FAR, StepInputs

FEATURES = ("events", "last_1", "last_2", "hour", "last_gap")


def rows(*told: tuple[float, ...]):
    return np.array(told, dtype=np.float32)


LEARNED = rows((0, 0, nan, nan, nan), (np.e - 1, 1, 0, 6, np.e - 1), (0, 0, 0, 0, np.e - 1))


def test_numbers_are_squashed_and_standardized_and_what_is_unknown_is_said():
    inputs = StepInputs.of(LEARNED, FEATURES, types=2)
    assert inputs.means == pytest.approx((1 / 3, 1.0))
    assert inputs.scales[1] == 1.0, "what does not differ is not divided"
    assert inputs.doubtful == (1,), "the gap alone was ever unknown"
    events, gap, unknown, *kind_and_hour = inputs(LEARNED)[1]
    assert events == pytest.approx((1 - 1 / 3) / np.std([0, 1, 0]))
    assert (gap, unknown) == (pytest.approx(0.0), 0.0)
    assert kind_and_hour == pytest.approx([0.0, 1.0, 1.0, 0.0]), "the second type, at six"
    assert inputs(LEARNED)[0, 1:].tolist() == [0.0, 1.0, 1.0, 0.0, 0.0, 0.0], "no gap, the first type, no hour"


def test_what_is_far_away_is_no_further_and_a_fall_is_squashed_as_a_rise_is():
    inputs = StepInputs.of(rows((0, 0, 0, 0, -3), (0, 0, 0, 0, 3)), FEATURES, types=2)
    assert inputs(rows((1e6, 0, 0, 0, -1e9)))[0, :2].tolist() == [FAR, -FAR]
    assert inputs(rows((0, 0, 0, 0, -3)))[0, 1] == pytest.approx(-1.0)
    assert inputs.scales[1] == pytest.approx(log(4))


def test_its_state_is_json_and_every_feature_of_a_session_is_read():
    rules = SessionRules(
        event_types=("view", "cart", "buy"), purchase="buy", cart="cart", remove="remove", pause_seconds=60.0
    )
    walk = SessionWalk(rules)
    walk.add(SessionEvent("view"))
    table = rows(tuple(walk.features()))
    inputs = StepInputs.of(table, feature_names(rules), types=2)
    again = StepInputs.model_validate(json.loads(inputs.model_dump_json()))
    assert again(table).tobytes() == inputs(table).tobytes()
    assert np.isfinite(inputs(table)).all()
