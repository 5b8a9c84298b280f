"""The gate is closed to whatever is missing, worse than asked, or not a number."""

import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys import columns as c
from recsys.evaluation.bootstrap import Interval
from recsys.evaluation.gate import Evidence, decide
from recsys.evaluation.report import LIVE, RANKED, EvaluationReport, evaluate
from recsys.sites.gate_policy import Case, GatePolicy
from tests.recsys.evaluation.gate.conftest import LIVE as SHOWN
from tests.recsys.evaluation.gate.conftest import WHOLE, about, evidence, separation

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


def test_a_first_release_needs_only_to_beat_popularity():
    decision = decide(report(ranked=0.5, popularity=0.3), POLICY, WHOLE)
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
    decision = decide(found, POLICY, WHOLE)
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
    assert "coverage@10 is 0.0440, expected at least 0.1000" in decide(narrow, POLICY, WHOLE).reason


def test_a_lift_that_was_asked_for_must_be_reached():
    found = report(ranked=0.31, popularity=0.3)
    assert decide(found, POLICY, WHOLE).accepted
    assert not decide(found, POLICY.model_copy(update={"min_lift_over_popularity": 0.1}), WHOLE).accepted


def test_a_challenger_as_good_as_the_live_release_goes_live_and_each_check_is_kept():
    decision = decide(report(ranked=0.5, popularity=0.3, live=0.5), POLICY, WHOLE)
    assert decision.accepted
    assert LIVE in decision.reason
    assert all(check.passed for check in decision.checks)


GOOD = report(ranked=0.5, popularity=0.3, live=0.5)
STRICT = POLICY.model_copy(
    update={"min_symmetry": 0.5, "cases": (Case(name="hats for all", event="view", category="hats", at_least=1),)}
)


def refusal(policy: GatePolicy = POLICY, found: EvaluationReport = GOOD, **changed: Any) -> str:
    decision = decide(found, policy, evidence(**{"live": SHOWN, **changed}))
    assert not decision.accepted
    return decision.reason


def test_without_evidence_nothing_passes():
    assert decide(GOOD, POLICY, None).reason == "Refused: there is no evidence of how it was made."
    assert not decide(GOOD, POLICY, Evidence()).accepted


@pytest.mark.parametrize("part", ["data", "training", "slates", "candidate_recall"])
def test_a_part_that_was_not_measured_does_not_pass(part):
    assert "not measured" in refusal(**{part: None})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"data": {"newest_age_hours": 73.0}}, "the newest event's age in hours is 73.0, expected at most 72.0"),
        ({"data": {"newest_age_hours": None}}, "the newest event's age in hours is not measured"),
        ({"data": {"refused": ("2026-03-07",)}}, "were refused is 1 (2026-03-07), expected at most 0"),
        ({"training": {"knows_later": ("item_trend",)}}, "features that know what came later is item_trend"),
        ({"training": {"features": {"x": separation(0.98, 0.98)}}}, "0.980 (x), expected at most 0.97"),
        ({"training": {"features": {"x": separation(0.02, 0.02)}}}, "0.980 (x), expected at most 0.97"),
        ({"training": {"features": {"x": separation(0.9, 0.6)}}}, "0.90 then 0.60 (x)"),
        ({"training": {"features": {"x": separation(0.1, 0.4)}}}, "0.10 then 0.40 (x)"),
        ({"training": {"features": {}}}, "the training is not measured"),
        ({"training": {"generators": separation(0.5, 0.76)}}, "of 0.50, of successes later 0.76"),
        ({"training": {"generators": separation(0.7, 0.49)}}, "of 0.70, of successes later 0.49"),
        ({"candidate_recall": 0.01}, "the candidates' recall is 1.0 %, expected at least 2.0 %"),
        ({"slates": {"short": 51}}, "fewer than 10 items is 5.1 %, expected at most 5.0 %"),
        ({"slates": {"unavailable_share": 0.001, "unavailable_items": ("x",)}}, "0.1 % (x), expected at most 0.0 %"),
        ({"slates": {"first_item_share": 0.6}}, "the same item first is 60.0 % (a), expected at most 50.0 %"),
        ({"slates": {"first_item": None}}, "the same item first is not measured"),
        ({"slates": {"most_shown_share": 0.96}}, "among their first 10 is 96.0 % (a)"),
        ({"live": {"users": 1251}}, "relative to the live release, is 79.9 %, expected at least 80.0 %"),
        ({"live": {"drift": 0.96}}, "the drift from the live slates is 0.9600, expected at most 0.9500"),
        ({"live": {"drift": None}}, "the drift from the live slates is not measured"),
        ({"live": {"variety": 101.0}}, "relative to the live slates, is 49.5 %, expected at least 50.0 %"),
    ],
)
def test_each_demand_refuses_for_its_own_reason(changed, said):
    assert decide(GOOD, POLICY, evidence(live=SHOWN)).accepted
    reason = refusal(**changed)
    assert said in reason
    assert "; " not in reason, "nothing else is at fault"


def test_a_day_out_of_the_usual_is_named():
    [day] = WHOLE.data.days
    few, many = day.model_copy(update={"found": 19}), day.model_copy(update={"found": 1001})
    assert "too little is 2026-03-07 with 19 events where 100 are usual" in refusal(data={"days": (few,)})
    assert "too much is 2026-03-07 with 1,001 events where 100 are usual" in refusal(data={"days": (many,)})
    lenient = POLICY.model_copy(update={"max_day_volume": None})
    assert decide(GOOD, lenient, evidence(data={"days": (many,)})).accepted


def test_the_cause_comes_before_what_follows_from_it():
    reason = refusal(
        found=report(ranked=0.2, popularity=0.3),
        data={"newest_age_hours": 100.0},
        training={"generators": separation(0.5, 0.76)},
        slates={"short": 500},
    )
    order = ["newest event", "labels that were learned", "over popularity"]
    assert [reason.index(each) for each in order] == sorted(reason.index(each) for each in order)
    assert reason.endswith("more checks failed.")


def test_a_lift_may_have_to_be_sure():
    found = report(ranked=0.31, popularity=0.3)
    sure = POLICY.model_copy(update={"lift_must_be_sure": True})
    assert decide(found, POLICY, WHOLE).accepted
    assert "a lift of surely at least 0.0%" in decide(found, sure, WHOLE).reason


def test_a_ranker_that_makes_worse_what_it_was_given_is_refused():
    said = decide(report(ranked=0.35, popularity=0.3, als=0.6), POLICY, WHOLE).reason
    assert "the ranker's ndcg@10 beside the best generator alone is 0.3500" in said
    assert "beside 0.6000 (als)" in said


def test_a_live_release_that_cannot_be_compared_is_said_to_be_so():
    found = report(ranked=0.5, popularity=0.3)
    unlike = SHOWN.model_copy(update={"not_compared": "its ranker reads other features"})
    decision = decide(found, POLICY, evidence(live=unlike))
    [check] = [check for check in decision.checks if "against the live release" in check.name]
    assert decision.accepted
    assert check.found == "not compared: its ranker reads other features"
    assert "not measured" in decide(found, POLICY, evidence(live=SHOWN)).reason, "no word why it is missing"


def test_a_case_that_was_not_looked_at_or_is_about_nobody_does_not_pass():
    assert "the case 'hats for all' is not measured" in refusal(STRICT)
    assert "similar items that have the item among theirs is 40.0 %" in refusal(STRICT, symmetry=0.4)


numbers = st.one_of(st.none(), st.floats(0, 1), st.just(math.nan))


@given(recall=numbers, area=numbers, drift=numbers, short=st.integers(0, 1000))
def test_worse_evidence_never_opens_the_gate(recall, area, drift, short):
    """Whatever is accepted is inside every bound; whatever is not a number is refused."""
    parts = {
        "candidate_recall": recall,
        "training": {"generators": separation(area if area is not None else math.nan, 0.76)},
        "slates": {"short": short},
        "live": {"drift": drift},
    }
    accepted = decide(GOOD, POLICY, evidence(**parts)).accepted
    known = all(each is not None and not math.isnan(each) for each in (recall, area, drift))
    inside = known and recall >= 0.02 and about(area).high - 0.5 >= 0.5 * 0.26 and drift <= 0.95 and short <= 50
    assert accepted == inside


def test_what_is_not_a_number_does_not_pass():
    assert "nan (x)" in refusal(training={"features": {"x": separation(math.nan, 0.6)}})
    assert "fewer than 10 items is not measured" in refusal(slates={"users": 0, "short": 0})


@pytest.mark.parametrize("who", [RANKED, LIVE, "popularity"])
def test_a_contestant_whose_metrics_are_not_numbers_is_refused(who):
    nothing = Interval(mean=math.nan, low=math.nan, high=math.nan)
    its = GOOD.contestants[who]
    broken = its.model_copy(
        update={"metrics": dict.fromkeys(its.metrics, math.nan), "intervals": dict.fromkeys(its.intervals, nothing)}
    )
    lead = {
        rival: dict.fromkeys(found, nothing) if who in (RANKED, rival) else found for rival, found in GOOD.lead.items()
    }
    found = GOOD.model_copy(update={"contestants": {**GOOD.contestants, who: broken}, "lead": lead})
    assert "not measured" in refusal(found=found)


def test_no_user_is_named_to_a_wider_circle():
    evidenced = evidence(slates={"short": 500, "missing_users": ("anna",)})
    decision = decide(GOOD, POLICY, evidenced)
    assert "anna" in decision.model_dump_json()
    assert "anna" not in decision.without_users().model_dump_json() + evidenced.without_users().model_dump_json()
