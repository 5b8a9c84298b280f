"""Each outcome, with its sentence, from outcomes of users that were drawn with a known truth."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.evaluation.experiments.decision import decide, proven
from recsys.evaluation.experiments.evidence import evidence
from recsys.evaluation.experiments.levels import Levels
from recsys.evaluation.experiments.metrics import METRICS
from recsys.evaluation.experiments.outcomes import OUTCOMES
from recsys.events.schema import filled
from recsys.sites.experiment import Arm, Guardrail, Metric

START = datetime(2026, 5, 4, tzinfo=UTC)
HOURS = 240


def outcomes(lift=0.0, *, users=4000, lost=0.0, slower=0.0, failing=0.0, arms=("control", "fresh")) -> pl.DataFrame:
    """A visit of every user on each of ten days; ``fresh`` differs in what is told."""
    rng = np.random.default_rng(7)
    user = np.repeat(np.arange(users), 10)
    fresh = user % len(arms) == 1
    rows = pl.DataFrame(
        {
            c.USER_ID: [f"u{number:05}" for number in user],
            c.ARM: [arms[number % len(arms)] for number in user],
            c.TIMESTAMP: [START + timedelta(hours=24 * (place % 10) + 9) for place in range(len(user))],
            c.SLATES: np.ones(len(user)),
            c.SHOWN: np.full(len(user), 10.0),
            c.CLICKED: rng.binomial(10, 0.05 * (1 + lift * fresh)).astype(float),
            c.REQUESTS: np.ones(len(user)),
            c.LATENCY_MS: rng.lognormal(3 + np.log1p(slower) * fresh, 0.3),
            c.REQUESTS_FAILED: rng.binomial(1, 0.02 * failing * fresh).astype(float),
        }
    ).filter(~(pl.Series(fresh) & (pl.Series(user) % 100 < 100 * lost)))
    return filled(rows, OUTCOMES).fill_null(0.0).sort(c.USER_ID, c.TIMESTAMP)


def decisions(experiment, rows, **more):
    found = evidence(experiment, rows, start=START, looks=HOURS, **more)
    return [decide(experiment, found, look=look)[0] for look in range(HOURS)]


def first(found):
    return next(each for each in found if each.outcome != "continue")


def test_a_gain_is_promoted_once_the_shortest_time_is_over(experiment):
    found = decisions(experiment(min_hours=100), outcomes(lift=0.3))
    assert (first(found).outcome, first(found).hours) == ("promote", 100)
    assert first(found).reason.endswith(", surely more than +0.0%.")
    assert found[98].reason.endswith(": 100 hours are not over.")


def test_a_loss_is_aborted_before(experiment):
    decision = first(decisions(experiment(min_hours=100), outcomes(lift=-0.3)))
    assert (decision.outcome, decision.hours < 100) == ("abort", True)
    assert "ctr is worse than control's by at least" in decision.reason


def test_a_gain_that_is_too_small_is_not_promoted(experiment):
    assert decisions(experiment(min_lift=0.3), outcomes(lift=0.2))[-1].outcome == "continue"


def test_a_loss_that_is_allowed_is_promoted_and_a_larger_one_aborted(experiment):
    """A canary may go live when it is surely not much worse."""
    tried = experiment(min_lift=-0.15, min_hours=24)
    assert first(decisions(tried, outcomes(lift=-0.04, users=12_000))).outcome == "promote"
    assert first(decisions(tried, outcomes(lift=-0.4))).outcome == "abort"


@pytest.mark.parametrize(("lift", "sure"), [(0.0, True), (0.3, True), (-0.1, False), (-0.3, False)])
def test_the_ramp_waits_until_a_harm_is_surely_excluded(experiment, lift, sure):
    tried = experiment(unproven_harm=0.09)
    found = evidence(tried, outcomes(lift=lift, users=12_000), start=START, looks=HOURS)
    assert not proven(tried, found, look=0)
    assert proven(tried, found) is sure


def test_the_ramp_waits_for_a_metric_that_should_be_small(experiment):
    tried = experiment(metric="latency", unproven_harm=0.09)
    for slower, sure in ((0.0, True), (0.3, False)):
        found = evidence(tried, outcomes(slower=slower), start=START, looks=HOURS)
        assert proven(tried, found) is sure


def test_steps_of_the_ramp_that_need_proof(experiment):
    tried = experiment(ramp=(0.01, 0.05, 0.25), step_hours=10, unproven_share=0.05)
    assert [tried.ramp_at(hours, proven=False) for hours in (0, 10, 20, 500)] == [0.01, 0.05, 0.05, 0.05]
    assert [tried.ramp_at(hours) for hours in (0, 10, 20, 500)] == [0.01, 0.05, 0.25, 0.25]
    with pytest.raises(ValueError, match=r"unproven_share: found 0.05, expected at least the first step.*0.25"):
        experiment(ramp=(0.25,), unproven_share=0.05)


def test_a_guardrail_that_nobody_measured_keeps_a_gain_waiting(experiment):
    rows = outcomes(lift=0.3).with_columns(pl.lit(0.0).alias(c.REQUESTS), pl.lit(0.0).alias(c.LATENCY_MS))
    for metric in ("latency", "errors"):
        tried = experiment(guardrails=(Guardrail(metric=metric),), max_hours=220, min_hours=24)
        found = decisions(tried, rows)
        assert f": nothing was measured of {metric}, which must not become worse." in found[150].reason
        assert first(found).outcome == "inconclusive"


def test_no_error_at_all_is_a_measurement(experiment):
    tried = experiment(guardrails=(Guardrail(metric="errors"),), min_hours=24)
    assert first(decisions(tried, outcomes(lift=0.3))).outcome == "promote"


def test_what_stays_open_is_inconclusive_at_the_end(experiment):
    found = decisions(experiment(min_hours=24, max_hours=200), outcomes())
    assert (first(found).outcome, first(found).hours) == ("inconclusive", 200)
    assert first(found).reason.startswith("ctr differs from control's by -")
    assert first(found).reason.endswith(" after 200 hours: not surely more than +0.0%.")


@pytest.mark.parametrize(
    ("metric", "harm", "says"),
    [
        ("latency", {"slower": 0.4}, "latency became worse by at least"),
        ("errors", {"failing": 1.0}, "errors became worse"),
    ],
)
def test_a_broken_guardrail_aborts_whatever_is_won(experiment, metric, harm, says):
    tried = experiment(guardrails=(Guardrail(metric=metric, max_harm=0.1),))
    decision = first(decisions(tried, outcomes(lift=0.3, **harm)))
    assert (decision.outcome, says in decision.reason) == ("abort", True)
    assert first(decisions(tried, outcomes(lift=0.3))).outcome == "promote"


def test_lost_users_abort_and_no_figure_is_trusted(experiment):
    decision = first(decisions(experiment(), outcomes(lift=0.3, lost=0.2)))
    assert decision.outcome == "abort"
    assert decision.reason.startswith("Users are not split as declared: control ")


def test_few_users_are_not_judged(experiment):
    decision = decisions(experiment(), outcomes(lift=-0.9, users=300))[-1]
    assert decision.outcome == "continue"
    assert decision.reason == (
        "How ctr differs from control's is not known yet: an arm has 150 users, judged are at least 200."
    )


def test_each_challenger_has_its_own_decision(experiment):
    arms = tuple(Arm(name=name, share=0.25) for name in ("control", "fresh", "same", "other"))
    tried = experiment(arms=arms, min_hours=24)
    rows = outcomes(lift=-0.5, users=8000, arms=tuple(arm.name for arm in arms))
    found = decide(tried, evidence(tried, rows, start=START, looks=HOURS))
    assert [(each.arm, each.outcome) for each in found] == [
        ("fresh", "abort"),
        ("same", "continue"),
        ("other", "continue"),
    ]


def test_what_lies_outside_the_experiment_is_not_counted(experiment):
    rows = outcomes(lift=0.3)
    late = rows.with_columns(pl.col(c.TIMESTAMP) + timedelta(hours=HOURS))
    assert "an arm has 0 users" in decisions(experiment(), late)[-1].reason


def test_users_known_from_before_make_it_surer(experiment):
    rows = outcomes(lift=0.1)
    known = rows.group_by(c.USER_ID).agg(pl.col(c.CLICKED).sum().cast(pl.Float64).alias(c.BEFORE))
    widths = []
    for before in (None, known):
        series = evidence(experiment(), rows, start=START, looks=HOURS, before=before).series["fresh"]["ctr"]
        widths.append(series.high[-1] - series.low[-1])
    assert widths[1] < 0.8 * widths[0]


def test_the_chance_of_a_wrong_decision_is_shared_out_whole(experiment):
    three = tuple(Arm(name=name, share=share) for name, share in (("control", 0.5), ("a", 0.25), ("b", 0.25)))
    levels = Levels.of(experiment(arms=three, guardrails=(Guardrail(metric="latency"), Guardrail(metric="errors"))))
    promotions, aborts = 2 * levels.interval / 2, 2 * 3 * levels.abort / 2 + levels.split
    assert (promotions, aborts) == (pytest.approx(0.025), pytest.approx(0.025))


def test_every_metric_that_can_be_configured_is_defined():
    assert set(get_args(Metric)) == set(METRICS)
    assert {name for each in METRICS.values() for name in (each.numerator, each.denominator or c.SHOWN)} <= set(
        OUTCOMES
    )
