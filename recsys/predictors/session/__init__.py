"""Next items of an anonymous session: learned from sessions that are over, judged by the code that answers."""

from recsys.predictors.session.checks import session_checks
from recsys.predictors.session.contest import SessionContest
from recsys.predictors.session.judging import Judged, SessionQuality, judge_sessions
from recsys.predictors.session.sessions import Case, ItemSession, cases_of, read_item_sessions
from recsys.predictors.session.training import FittedSessions, fit_sessions

__all__ = [
    "Case",
    "FittedSessions",
    "ItemSession",
    "Judged",
    "SessionContest",
    "SessionQuality",
    "cases_of",
    "fit_sessions",
    "judge_sessions",
    "read_item_sessions",
    "session_checks",
]
