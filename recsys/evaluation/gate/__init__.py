"""Whether a release may go live: what is measured of it, what the site asks, and the decision."""

from recsys.evaluation.gate.check import Check
from recsys.evaluation.gate.decision import GateDecision, decide
from recsys.evaluation.gate.evidence import Evidence

__all__ = ["Check", "Evidence", "GateDecision", "decide"]
