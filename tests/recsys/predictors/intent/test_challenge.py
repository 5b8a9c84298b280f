"""The score of cart abandonment, by hand."""

import numpy as np
import pytest

from recsys.predictors.intent import CUTOFFS, Session, prefixes_of, weighted_micro_f1
from recsys.serving.predicting.session import SessionEvent


def session(kinds: str, bought: bool) -> Session:
    names = {"v": "view", "c": "cart"}
    return Session("u", tuple(SessionEvent(names[kind]) for kind in kinds), bought, 0.0)


def test_sessions_are_judged_where_they_go_on_so_far(rules):
    rows = prefixes_of([session("vcvv", True), session("cv", False), session("vv", False)], rules)
    assert rows.after_cart.tolist() == [-1, 0, 1, 2, 0, 1, -1, -1]
    yes = np.ones(8)
    assert weighted_micro_f1(rows, yes) == (pytest.approx(1.0 * 0.5 + 0.9 * 1.0), {0: 0.5, 2: 1.0})
    assert weighted_micro_f1(rows, 1 - yes) == (pytest.approx(0.5), {0: 0.5, 2: 0.0})


def test_all_right_is_the_sum_of_the_weights(rules):
    rows = prefixes_of([session("c" + "v" * 10, True), session("c" + "v" * 10, False)], rules)
    assert weighted_micro_f1(rows, rows.examples.labels.astype(float))[0] == pytest.approx(sum(CUTOFFS.values()))
    assert sum(CUTOFFS.values()) == 4.5
