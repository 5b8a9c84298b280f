"""Whether a release may go live. Closed by default: what cannot be judged is refused."""

from typing import Final

from recsys.evaluation.contestants import LIVE, POPULARITY, RANKED
from recsys.evaluation.gate import behavior, data, quality, slates, training
from recsys.evaluation.gate.check import Check
from recsys.evaluation.gate.evidence import Evidence
from recsys.evaluation.report import EvaluationReport
from recsys.sites.gate_policy import GatePolicy
from recsys.types import Frozen

TOLD: Final = 3
"""Faults that the sentence names; the checks have all."""


class GateDecision(Frozen):
    """The outcome: a refused release is a result, not an error."""

    accepted: bool
    reason: str
    "One sentence for people."
    checks: tuple[Check, ...]

    def without_users(self) -> "GateDecision":
        """The same for a wider circle: no check names a user."""
        return self.model_copy(
            update={"checks": tuple(check.model_copy(update={"users": ()}) for check in self.checks)}
        )


def decide(report: EvaluationReport | None, policy: GatePolicy, evidence: Evidence | None) -> GateDecision:
    """Accepts a release that passes every check; without a report, or without evidence, nothing passes.

    Checks stand in the order of causes: the data, the training, the quality, the slates, behavior. So the sentence
    begins with what is wrong, and not with what follows from it.
    """
    missing = "evaluation report" if report is None else "evidence of how it was made"
    if report is None or evidence is None:
        return GateDecision(accepted=False, reason=f"Refused: there is no {missing}.", checks=())
    checks = (
        *data.checks(evidence.data, policy),
        *training.checks(evidence.training, policy),
        *quality.checks(report, evidence, policy),
        *slates.checks(evidence.slates, policy),
        *slates.checks_against_live(evidence.slates, evidence.live, policy),
        *behavior.checks(evidence, policy),
    )
    failed = [check for check in checks if not check.passed]
    if failed:
        return GateDecision(accepted=False, reason=_refusal(failed), checks=checks)
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


def _refusal(failed: list[Check]) -> str:
    faults = [f"{check.name} is {check.found}, expected {check.expected}" for check in failed[:TOLD]]
    more = [f"{len(failed) - TOLD} more checks failed"] if len(failed) > TOLD else []
    return f"Refused: {'; '.join([*faults, *more])}."
