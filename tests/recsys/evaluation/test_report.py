from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.evaluation.report import COMPARED, RANKED, EvaluationReport, evaluate

WINDOW = (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC))
USERS = [f"u{n:03d}" for n in range(200)]
COLD = USERS[150:]


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
