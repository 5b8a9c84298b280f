"""How a purchase intent is learned from sessions that are over."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.events.quality.report import Check
from recsys.predictors.examples import Examples
from recsys.predictors.intent.baselines import Baseline, baselines
from recsys.predictors.intent.checks import intent_checks
from recsys.predictors.intent.prefixes import prefixes_of
from recsys.predictors.intent.recurrent import fit_recurrent
from recsys.predictors.intent.sessions import Session, hold_back
from recsys.predictors.table_checks import require_passed
from recsys.predictors.trees import TreeParams, fit_trees
from recsys.serving.predicting.intent import PurchaseIntent, SessionScorer
from recsys.serving.predicting.session import SessionRules
from recsys.serving.predicting.session_features import feature_names
from recsys.sites.predictor_policy import IntentPolicy


@dataclass(frozen=True)
class FittedIntent:
    """A model, what it was compared with, and what it learned from."""

    model: PurchaseIntent
    baselines: dict[str, Baseline]
    checks: tuple[Check, ...]
    examples: Examples
    "What the baselines, and the trees, learned from: for importances."
    learned: int
    "Beginnings of sessions that the model learned from."


def fit_intent(
    sessions: Sequence[Session], rules: SessionRules, policy: IntentPolicy, *, rng: np.random.Generator
) -> FittedIntent:
    """Learns how likely a session is to buy, after each of its events.

    Half of what is learned from tells nothing but the types of events, so that a session of which no more is known gets
    probabilities that hold as well. The latest sessions are held back: they stop the trees and weigh them, or stop the
    network.

    Args:
        sessions: that are over, in the order of their starts.
        rules: of the site.
        policy: of the site.
        rng: draws the beginnings that are learned from, and what a network begins with.

    Raises:
        ConfigError: the policy asks for a network, and the extra ``neural`` is not installed.
        TableRefused: the sessions are not what the policy expects.
        NotEnoughData: nobody bought, or everybody did.
    """
    sessions = sessions[-policy.sessions :]
    checks = intent_checks(sessions, policy.checks)
    require_passed(checks)
    earlier, later = hold_back(sessions, policy.held_share)
    learned = _both(earlier, rules, policy.prefixes, rng)
    scorer: SessionScorer
    if policy.model == "recurrent":
        scorer = fit_recurrent(earlier, later, rules, policy.recurrent, calibrate=policy.calibrate, rng=rng)
        rows = sum(len(session.events) for session in earlier)
    else:
        held = _both(later, rules, max(1, round(policy.prefixes * policy.held_share)), rng)
        params = TreeParams(**policy.model_dump(include=set(TreeParams.model_fields)))
        scorer = fit_trees(learned, held, feature_names(rules), params)
        rows = len(learned)
    rate = sum(session.bought for session in sessions) / len(sessions)
    rivals = {name: rival.fit(learned) for name, rival in baselines(rules).items()}
    return FittedIntent(PurchaseIntent(rules, scorer, rate=rate), rivals, tuple(checks), learned, rows)


def _both(sessions: Sequence[Session], rules: SessionRules, at_most: int, rng: np.random.Generator) -> Examples:
    """Beginnings with all that is known of their events, and others with the types alone."""
    whole, bare = (
        prefixes_of(sessions, rules, at_most=max(1, at_most // 2), rng=rng, bare=bare).examples
        for bare in (False, True)
    )
    return whole + bare
