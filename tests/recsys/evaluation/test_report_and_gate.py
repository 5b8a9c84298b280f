from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.evaluation.gate import decide
from recsys.evaluation.report import COMPARED, LIVE, RANKED, EvaluationReport, evaluate
from recsys.sites.config import GatePolicy

WINDOW = (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC))
USERS = [f"u{n:03d}" for n in range(200)]
COLD = USERS[150:]
POLICY = GatePolicy(min_users=100, min_lift_over_popularity=0.0, max_loss_against_live=0.02, min_coverage=0.1)


def slates(right_share: float, items: int = 50) -> pl.DataFrame:
    """One item per user: its own (right) for the first share of users, else a wrong one of ``items``."""
    right = int(right_share * len(USERS))
    shown = [f"right-{user}" if n < right else f"wrong-{n % items}" for n, user in enumerate(USERS)]
    return pl.DataFrame({c.USER_ID: USERS, c.ITEM_ID: shown, c.RANK: [1] * len(USERS)})


TRUTH = pl.DataFrame({c.USER_ID: USERS, c.ITEM_ID: [f"right-{user}" for user in USERS]})


def report(*, users: int = len(USERS), **shares: float) -> EvaluationReport:
    return evaluate(
        {name: slates(share) for name, share in shares.items()},
        TRUTH.head(users),
        warm_users=USERS[:150],
        catalogue=250,
        window=WINDOW,
        rng=np.random.default_rng(1),
    )


def test_the_report_counts_users_and_compares_in_pairs():
    found = report(ranked=0.5, popularity=0.3)
    assert (found.users, found.cold_users) == (200, 50)
    assert found.contestants[RANKED].metrics["recall@20"] == pytest.approx(0.5)
    assert found.contestants[RANKED].cold["recall@20"] == 0.0
    lead = found.lead["popularity"]["ndcg@10"]
    assert lead.mean == pytest.approx(0.2)
    assert 0.1 < lead.low < 0.2 < lead.high < 0.3
    assert set(found.contestants[RANKED].intervals) == set(COMPARED)
    assert RANKED not in found.lead


def test_lift_and_tests_go_with_the_lead():
    found = report(ranked=0.5, popularity=0.4, nobody=0.0)
    lift = found.lift["popularity"]["ndcg@10"]
    assert lift.mean == pytest.approx(0.25)
    assert 0 < lift.low < 0.25 < lift.high
    test = found.tests["popularity"]["ndcg@10"]
    assert (test.better, test.equal, test.worse) == (20, 180, 0)
    assert test.p_randomization < 0.01
    assert found.lift["nobody"] == {}, "nothing can be a multiple of nothing"


def test_coverage_looks_only_at_users_who_are_judged():
    found = report(users=10, ranked=1.0, popularity=0.0)
    assert found.contestants[RANKED].metrics["coverage@10"] == pytest.approx(10 / 250)


def test_a_report_survives_json():
    found = report(ranked=0.5, popularity=0.3)
    assert EvaluationReport.model_validate_json(found.model_dump_json()) == found


def test_a_first_release_needs_only_to_beat_popularity():
    decision = decide(report(ranked=0.5, popularity=0.3), POLICY)
    assert decision.accepted
    assert decision.reason == "Accepted: ndcg@10 0.5000 beside popularity (0.3000), 200 users."


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "no evaluation report"),
        (report(users=99, ranked=0.5, popularity=0.3), "users judged is 99, expected at least 100"),
        (report(ranked=0.3, popularity=0.5), "ndcg@10 over popularity is -40.0%"),
        (report(ranked=0.3, popularity=0.3), "ndcg@10 over popularity is +0.0%"),
        (report(ranked=0.5), "not measured"),
        (report(users=0, ranked=0.5, popularity=0.3, live=0.2), "users judged is 0"),
        (report(ranked=0.5, popularity=0.3, live=0.9), "ndcg@10 against the live release is -0.4000"),
        (report(ranked=0.0, popularity=0.0), "over popularity"),
    ],
)
def test_the_gate_is_closed_to(found, said):
    decision = decide(found, POLICY)
    assert not decision.accepted
    assert decision.reason.startswith("Refused: ")
    assert said in decision.reason


def test_too_few_items_shown_are_refused():
    narrow = evaluate(
        {RANKED: slates(0.05, items=1), "popularity": slates(0.0)},
        TRUTH,
        warm_users=USERS,
        catalogue=250,
        window=WINDOW,
        rng=np.random.default_rng(1),
    )
    assert "coverage@10 is 0.0440, expected at least 0.1000" in decide(narrow, POLICY).reason


def test_a_lift_that_was_asked_for_must_be_reached():
    found = report(ranked=0.31, popularity=0.3)
    assert decide(found, POLICY).accepted
    assert not decide(found, POLICY.model_copy(update={"min_lift_over_popularity": 0.1})).accepted


def test_a_challenger_as_good_as_the_live_release_goes_live_and_each_check_is_kept():
    decision = decide(report(ranked=0.5, popularity=0.3, live=0.5), POLICY)
    assert decision.accepted
    assert LIVE in decision.reason
    assert [check.passed for check in decision.checks] == [True] * 4
