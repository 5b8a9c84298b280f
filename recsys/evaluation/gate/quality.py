"""Is it good: enough users to say so, better than popularity, no worse than each generator and the live release."""

import math

from recsys.evaluation.contestants import BEFORE_RERANKING, LIVE, POPULARITY, RANKED
from recsys.evaluation.gate.check import Check, at_least, count, not_measured, number, percent
from recsys.evaluation.gate.evidence import Evidence
from recsys.evaluation.report import EvaluationReport
from recsys.sites.gate_policy import GatePolicy


def checks(report: EvaluationReport, evidence: Evidence, policy: GatePolicy) -> list[Check]:
    """What the policy asks of the evaluation."""
    ranked = report.contestants.get(RANKED)
    coverage = None if ranked is None else ranked.metrics.get("coverage@10")
    return [
        at_least("users judged", report.users, policy.min_users, count),
        at_least("the candidates' recall", evidence.candidate_recall, policy.min_candidate_recall, percent),
        at_least("coverage@10", coverage, policy.min_coverage),
        _over_popularity(report, policy),
        _beside_generators(report, policy),
        *_against_live(report, evidence, policy),
    ]


def _over_popularity(report: EvaluationReport, policy: GatePolicy) -> Check:
    """The mean, or where the policy says so the lower end of the interval, must lead by the asked lift."""
    metric, asked = policy.primary_metric, policy.min_lift_over_popularity
    name = f"{metric} over popularity"
    expected = f"a lift of {'surely ' * policy.lift_must_be_sure}at least {asked:.1%}"
    lead = report.lead.get(POPULARITY, {}).get(metric)
    rival = report.contestants.get(POPULARITY)
    base = math.nan if rival is None else rival.metrics.get(metric, math.nan)
    if lead is None or math.isnan(base) or math.isnan(lead.mean):
        return not_measured(name, expected)
    decisive = lead.low if policy.lift_must_be_sure else lead.mean
    lift, reached = (_share(value, base) for value in (lead.mean, decisive))
    return Check(
        name=name,
        passed=decisive > 0 and reached >= asked,
        found=f"{lift:+.1%} (difference {lead.low:+.4f} to {lead.high:+.4f})",
        expected=expected,
    )


def _beside_generators(report: EvaluationReport, policy: GatePolicy) -> Check:
    """Refused when the ranker's interval lies wholly below the allowed loss: it makes worse what it was given."""
    metric = policy.primary_metric
    name, expected = f"the ranker's {metric} beside the best generator alone", "not surely worse"
    others = {RANKED, LIVE, BEFORE_RERANKING}
    alone = {
        each: found.metrics[metric]
        for each, found in report.contestants.items()
        if each not in others and metric in found.metrics
    }
    ranker = report.contestants.get(BEFORE_RERANKING, report.contestants.get(RANKED))
    interval = None if ranker is None else ranker.intervals.get(metric)
    if interval is None or not alone or any(map(math.isnan, (interval.high, *alone.values()))):
        return not_measured(name, expected)
    best = max(alone, key=lambda each: alone[each])
    allowed = (1 - policy.max_loss_against_generators) * alone[best]
    mine = f"{number(interval.mean)} ({number(interval.low)} to {number(interval.high)})"
    return Check(
        name=name,
        passed=interval.high >= allowed,
        found=f"{mine} beside {number(alone[best])} ({best})",
        expected=f"not surely below {number(allowed)}",
    )


def _against_live(report: EvaluationReport, evidence: Evidence, policy: GatePolicy) -> list[Check]:
    """Refused when the interval of the difference lies wholly below the allowed loss; nothing where nothing is live."""
    metric = policy.primary_metric
    name = f"{metric} against the live release"
    if LIVE not in report.contestants:
        live = evidence.live
        if live is None:
            return []
        if live.not_compared is None:
            return [not_measured(name, "not surely worse")]
        return [Check(name=name, passed=True, found=f"not compared: {live.not_compared}", expected="not surely worse")]
    base = report.contestants[LIVE].metrics.get(metric, math.nan)
    lead = report.lead.get(LIVE, {}).get(metric)
    allowed = -policy.max_loss_against_live * base
    if lead is None or math.isnan(allowed) or math.isnan(lead.high):
        return [not_measured(name, "not surely worse")]
    return [
        Check(
            name=name,
            passed=lead.high >= allowed,
            found=f"{lead.mean:+.4f} ({lead.low:+.4f} to {lead.high:+.4f})",
            expected=f"not surely below {allowed:+.4f}",
        )
    ]


def _share(value: float, base: float) -> float:
    return value / base if base else (math.inf if value > 0 else 0.0)
