"""How a purchase intent is learned from sessions that are over."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.events.quality.report import Check
from recsys.predictors.examples import Examples
from recsys.predictors.intent.baselines import Baseline, baselines
from recsys.predictors.intent.checks import intent_checks
from recsys.predictors.intent.prefixes import prefixes_of
from recsys.predictors.intent.sessions import Session, hold_back
from recsys.predictors.table_checks import require_passed
from recsys.predictors.trees import TreeParams, fit_trees
from recsys.serving.predicting.intent import PurchaseIntent
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
    "What the trees learned from: for importances."


def fit_intent(
    sessions: Sequence[Session], rules: SessionRules, policy: IntentPolicy, *, rng: np.random.Generator
) -> FittedIntent:
    """Learns how likely a session is to buy, after each of its events.

    Half of what is learned from tells nothing but the types of events, so that a session of which no more is known gets
    probabilities that hold as well. The latest sessions are held back: they stop the trees and weigh them.

    Args:
        sessions: that are over, in the order of their starts.
        rules: of the site.
        policy: of the site.
        rng: draws the beginnings that are learned from.

    Raises:
        TableRefused: the sessions are not what the policy expects.
        NotEnoughData: nobody bought, or everybody did.
    """
    sessions = sessions[-policy.sessions :]
    checks = intent_checks(sessions, policy.checks)
    require_passed(checks)
    learned, held = (
        _both(part, rules, at_most, rng)
        for part, at_most in zip(
            hold_back(sessions, policy.held_share),
            (policy.prefixes, max(1, round(policy.prefixes * policy.held_share))),
            strict=True,
        )
    )
    names = feature_names(rules)
    params = TreeParams(**policy.model_dump(include=set(TreeParams.model_fields)))
    rate = sum(session.bought for session in sessions) / len(sessions)
    model = PurchaseIntent(rules, fit_trees(learned, held, names, params), rate=rate)
    rivals = {name: rival.fit(learned) for name, rival in baselines(rules).items()}
    return FittedIntent(model, rivals, tuple(checks), learned)


def _both(sessions: Sequence[Session], rules: SessionRules, at_most: int, rng: np.random.Generator) -> Examples:
    """Beginnings with all that is known of their events, and others with the types alone."""
    whole, bare = (
        prefixes_of(sessions, rules, at_most=max(1, at_most // 2), rng=rng, bare=bare).examples
        for bare in (False, True)
    )
    return whole + bare
