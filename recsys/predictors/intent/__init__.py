"""Purchase intent: how likely a session is to buy, given its events so far."""

from recsys.predictors.intent.challenge import CUTOFFS, weighted_micro_f1
from recsys.predictors.intent.checks import intent_checks
from recsys.predictors.intent.judging import IntentQuality, judge_intent
from recsys.predictors.intent.prefixes import Prefixes, prefixes_of
from recsys.predictors.intent.sessions import Session, hold_back, read_sessions
from recsys.predictors.intent.training import FittedIntent, fit_intent

__all__ = [
    "CUTOFFS",
    "FittedIntent",
    "IntentQuality",
    "Prefixes",
    "Session",
    "fit_intent",
    "hold_back",
    "intent_checks",
    "judge_intent",
    "prefixes_of",
    "read_sessions",
    "weighted_micro_f1",
]
