"""Whether the predictors that are live still see what they learned from, and whether what they say still holds."""

from pydantic import AwareDatetime

from recsys.evaluation.bootstrap import Interval
from recsys.evaluation.drift.distributions import Change
from recsys.evaluation.drift.features import farthest
from recsys.evaluation.drift.outcomes import Outcome
from recsys.evaluation.gate.check import Check, at_most, hours, number, percent
from recsys.sites.drift_policy import PredictorDriftPolicy
from recsys.types import Frozen, ReleaseId


class Compared(Frozen):
    """Later rows beside those that the predictor was judged on before it went live."""

    rows: int
    "Later ones."
    features: dict[str, Change]
    "Of every feature, farthest first."
    predictions: Change
    outcome: Outcome
    auc_before: float | None
    "None: there were successes alone then, or none."


class Continued(Frozen):
    """Later sessions, continued by the model of next items that is live."""

    rows: int
    "Beginnings of sessions."
    mrr: Interval
    mrr_before: float
    "On the sessions that it was judged on before it went live."
    unknown_items: float
    "Share of the events whose item it does not know."


class PredictorDrift(Frozen):
    """What was found of one predictor."""

    surface: str
    release_id: ReleaseId
    trained_as_of: AwareDatetime
    checks: tuple[Check, ...]
    found: Compared | Continued | None
    "None: there were too few rows, then or since."

    @property
    def alarms(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if not check.passed)

    @property
    def intervals(self) -> dict[str, Interval]:
        """What became of its predictions, by metric."""
        if isinstance(self.found, Compared):
            return self.found.outcome.intervals
        return {} if self.found is None else {"mrr": self.found.mrr}


def checks(policy: PredictorDriftPolicy, *, age_hours: float, found: Compared | Continued | None) -> list[Check]:
    """What the policy asks of a predictor; an outcome raises an alarm where its whole interval is beyond the bound.

    Args:
        policy: the bounds.
        age_hours: since what the predictor knows ended.
        found: what happened since; None: nothing is asked of it.
    """
    age = at_most("the age of what it knows, in hours", age_hours, policy.max_age_hours, hours)
    if isinstance(found, Compared):
        return [age, *_of_rows(policy, found)]
    return [age] if found is None else [age, *_of_sessions(policy, found)]


def _of_rows(policy: PredictorDriftPolicy, compared: Compared) -> list[Check]:
    psi = {name: each.psi for name, each in compared.features.items()}
    ks = {name: each.ks for name, each in compared.features.items()}
    return [
        farthest("a feature's drift (PSI)", psi, policy.max_feature_psi),
        farthest("a feature's distance (KS)", ks, policy.max_feature_ks),
        at_most("the predictions' drift (PSI)", compared.predictions.psi, policy.max_prediction_psi),
        *_of_outcome(policy, compared.outcome, compared.auc_before),
    ]


def _of_sessions(policy: PredictorDriftPolicy, found: Continued) -> list[Check]:
    least = (1 - policy.max_mrr_drop) * found.mrr_before
    return [
        at_most("items that it does not know", found.unknown_items, policy.max_unknown_items, percent),
        Check(
            name="the MRR@20",
            passed=found.mrr.high >= least,
            found=_told(found.mrr),
            expected=f"at least {number(least)}, {percent(policy.max_mrr_drop)} below that before it went live",
        ),
    ]


def _of_outcome(policy: PredictorDriftPolicy, outcome: Outcome, auc_before: float | None) -> list[Check]:
    found = [
        Check(
            name="the gain over the base rate's log-loss",
            passed=outcome.gain.high >= policy.min_gain,
            found=_told(outcome.gain),
            expected=f"at least {number(policy.min_gain)}",
        )
    ]
    if (ratio := outcome.calibration) is not None:
        low, high = 1 / (1 + policy.max_calibration_error), 1 + policy.max_calibration_error
        found.append(
            Check(
                name="what happened, relative to what was predicted",
                passed=ratio.high >= low and ratio.low <= high,
                found=_told(ratio),
                expected=f"{number(low)} to {number(high)}",
            )
        )
    if outcome.auc is not None and auc_before is not None:
        least = auc_before - policy.max_auc_drop
        found.append(
            Check(
                name="the AUC",
                passed=outcome.auc.high >= least,
                found=_told(outcome.auc),
                expected=f"at least {number(least)}, {number(policy.max_auc_drop)} below that before it went live",
            )
        )
    return found


def _told(interval: Interval) -> str:
    return f"{number(interval.mean)} ({number(interval.low)} to {number(interval.high)})"
