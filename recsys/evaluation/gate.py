"""Whether a release may go live. Closed by default: what cannot be judged is refused."""

import math

from recsys.evaluation.contestants import LIVE, POPULARITY, RANKED
from recsys.evaluation.report import EvaluationReport
from recsys.sites.config import GatePolicy
from recsys.types import Frozen


class Check(Frozen):
    """One demand of the policy, and what was found."""

    name: str
    passed: bool
    found: str
    expected: str


class GateDecision(Frozen):
    """The outcome: a refused release is a result, not an error."""

    accepted: bool
    reason: str
    "One sentence for people."
    checks: tuple[Check, ...]


def decide(report: EvaluationReport | None, policy: GatePolicy) -> GateDecision:
    """Accepts a release that passes every check; without a report nothing passes."""
    if report is None:
        return GateDecision(accepted=False, reason="Refused: there is no evaluation report.", checks=())
    checks = tuple(_checks(report, policy))
    failed = [check for check in checks if not check.passed]
    if failed:
        faults = "; ".join(f"{check.name} is {check.found}, expected {check.expected}" for check in failed)
        return GateDecision(accepted=False, reason=f"Refused: {faults}.", checks=checks)
    value = report.contestants[RANKED].metrics[policy.primary_metric]
    rivals = " and ".join(
        f"{name} ({report.contestants[name].metrics[policy.primary_metric]:.4f})"
        for name in (POPULARITY, LIVE)
        if name in report.contestants
    )
    return GateDecision(
        accepted=True,
        reason=f"Accepted: {policy.primary_metric} {value:.4f} beside {rivals}, {report.users} users.",
        checks=checks,
    )


def _checks(report: EvaluationReport, policy: GatePolicy) -> list[Check]:
    metric = policy.primary_metric
    covered = report.contestants[RANKED].metrics["coverage@10"]
    checks = [
        Check(
            name="users judged",
            passed=report.users >= policy.min_users,
            found=str(report.users),
            expected=f"at least {policy.min_users}",
        ),
        Check(
            name="coverage@10",
            passed=covered >= policy.min_coverage,
            found=f"{covered:.4f}",
            expected=f"at least {policy.min_coverage:.4f}",
        ),
        _against_popularity(report, policy, metric),
    ]
    if LIVE in report.contestants:
        checks.append(_against_live(report, policy, metric))
    return checks


def _against_popularity(report: EvaluationReport, policy: GatePolicy, metric: str) -> Check:
    """The mean must lead by the asked lift; chance is left to min_users."""
    name = f"{metric} over popularity"
    expected = f"a lift of at least {policy.min_lift_over_popularity:.1%}"
    if POPULARITY not in report.contestants:
        return Check(name=name, passed=False, found="not measured", expected=expected)
    base = report.contestants[POPULARITY].metrics.get(metric, 0.0)
    lead = report.lead[POPULARITY][metric]
    lift = lead.mean / base if base else (math.inf if lead.mean > 0 else 0.0)
    found = f"{lift:+.1%} (difference {lead.low:+.4f} to {lead.high:+.4f})"
    return Check(
        name=name, passed=lead.mean > 0 and lift >= policy.min_lift_over_popularity, found=found, expected=expected
    )


def _against_live(report: EvaluationReport, policy: GatePolicy, metric: str) -> Check:
    """Refused when the interval of the difference lies wholly below the allowed loss."""
    base = report.contestants[LIVE].metrics.get(metric, 0.0)
    lead = report.lead[LIVE][metric]
    allowed = -policy.max_loss_against_live * base
    return Check(
        name=f"{metric} against the live release",
        passed=lead.high >= allowed,
        found=f"{lead.mean:+.4f} ({lead.low:+.4f} to {lead.high:+.4f})",
        expected=f"not surely below {allowed:+.4f}",
    )
