import numpy as np
import pytest

from recsys.predictors.intent import FittedIntent, Session, fit_intent
from recsys.serving.predicting.session import SessionRules
from recsys.sites.predictor_policy import IntentPolicy
from recsys.testing.buying import drawn_sessions


@pytest.fixture(scope="session")
def rules() -> SessionRules:
    return SessionRules(
        event_types=("view", "cart", "remove", "purchase"),
        purchase="purchase",
        cart="cart",
        remove="remove",
        pause_seconds=1800.0,
    )


@pytest.fixture(scope="session")
def policy() -> IntentPolicy:
    return IntentPolicy(iterations=60, learning_rate=0.15, depth=4)


@pytest.fixture(scope="session")
def earlier() -> list[Session]:
    return drawn_sessions(1500, rng=np.random.default_rng(1))


@pytest.fixture(scope="session")
def later() -> list[Session]:
    return drawn_sessions(600, rng=np.random.default_rng(2))


@pytest.fixture(scope="session")
def fitted(earlier, rules, policy) -> FittedIntent:
    return fit_intent(earlier, rules, policy, rng=np.random.default_rng(3))
