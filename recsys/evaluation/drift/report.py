"""What was found at one look for drift, and the sentence for whoever is told."""

from datetime import datetime

from recsys.evaluation.drift.distributions import Change
from recsys.evaluation.drift.predictors import PredictorDrift
from recsys.evaluation.gate.check import Check
from recsys.types import Frozen, SiteId


class DriftReport(Frozen):
    """All that was looked at."""

    site: SiteId
    as_of: datetime
    checks: tuple[Check, ...]
    features: dict[str, Change]
    "Of every feature, farthest first."
    scores: dict[str, Change]
    predictors: tuple[PredictorDrift, ...] = ()
    "Those that are live."

    @property
    def alarms(self) -> tuple[Check, ...]:
        """Of the day and the recommendations; predictors have their own."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def predictor_alarms(self) -> tuple[str, ...]:
        """Surface and check, of each."""
        return tuple(f"{each.surface}: {check.name}" for each in self.predictors for check in each.alarms)

    @property
    def reason(self) -> str:
        """One sentence: what drifted, or that nothing did."""
        named = [("", check) for check in self.checks]
        named += [(f"{each.surface}: ", check) for each in self.predictors for check in each.checks]
        faults = [
            f"{of}{check.name}: {check.found}, expected {check.expected}" for of, check in named if not check.passed
        ]
        return f"Drift: {'; '.join(faults)}." if faults else f"No drift: {len(named)} checks as expected."
