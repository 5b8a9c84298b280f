"""What was found at one look for drift, and the sentence for whoever is told."""

from datetime import datetime

from recsys.evaluation.drift.distributions import Change
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

    @property
    def alarms(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if not check.passed)

    @property
    def reason(self) -> str:
        """One sentence: what drifted, or that nothing did."""
        if not self.alarms:
            return f"No drift: {len(self.checks)} checks as expected."
        faults = "; ".join(f"{check.name}: {check.found}, expected {check.expected}" for check in self.alarms)
        return f"Drift: {faults}."
