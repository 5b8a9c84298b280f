"""What a session is: the same rule for the log and for the request."""

import subprocess
import sys

import pytest

from recsys.errors import ConfigError
from recsys.serving.predicting.session import SessionEvent, SessionRules, live_session, split_sessions
from recsys.sites import parse_site

RULES = SessionRules(
    event_types=("view", "cart", "remove", "purchase"),
    purchase="purchase",
    cart="cart",
    remove="remove",
    pause_seconds=1800.0,
)


def at(minute: float, kind: str = "view", session: str | None = None) -> SessionEvent:
    return SessionEvent(kind, timestamp=60.0 * minute, item_id="a", session_id=session)


def told(*kinds: str) -> list[SessionEvent]:
    return [SessionEvent(kind) for kind in kinds]


def lengths(*events: SessionEvent) -> list[int]:
    return [len(session) for session in split_sessions(events, RULES)]


def test_a_pause_ends_a_session():
    assert lengths(at(0), at(30), at(60.1), at(61)) == [2, 2]


def test_another_session_id_ends_a_session():
    assert lengths(at(0, session="x"), at(1, session="x"), at(2, session="y"), at(3)) == [2, 1, 1]


def test_a_purchase_ends_a_session_and_one_checkout_is_one_end():
    assert lengths(*told("view", "purchase", "purchase", "view", "cart")) == [3, 2]


def test_the_live_session_is_the_last_one_and_nothing_after_a_purchase():
    assert live_session(told("view", "purchase", "view", "cart"), RULES) == told("view", "cart")
    assert live_session(told("view", "purchase"), RULES) == []
    assert live_session([], RULES) == []
    assert live_session([at(0), at(100), at(101)], RULES) == [at(100), at(101)]


def test_usual_names_are_understood_and_strange_ones_left_out():
    assert live_session(told("detail", "search", "add", "remove"), RULES) == told("view", "cart", "remove")
    own = RULES.model_copy(update={"event_types": ("add", "view", "purchase")})
    assert [event.event_type for event in own.known(told("add", "detail"))] == ["add", "view"]


def test_the_rules_are_those_of_the_site():
    text = "site: shop\nsource: {kind: simulator}\ninteractions: [{name: look}, {name: add}, {name: buy}]\n"
    text += "serving: {purchase_event: buy}\n"
    asked = parse_site(text + "predictors: {intent: {cart_event: add, pause_minutes: 10}}\n", name="shop.yaml")
    rules = SessionRules.of_site(asked)
    assert (rules.seen_types, rules.purchase, rules.cart, rules.pause_seconds) == (("look", "add"), "buy", "add", 600.0)
    with pytest.raises(ConfigError, match=r"found no predictors\.intent"):
        SessionRules.of_site(parse_site(text, name="shop.yaml"))


def test_importing_it_is_light():
    """The web process imports this at start; numpy and CatBoost come with the first model."""
    show = "import sys; from recsys.serving.predicting import clicks, intent; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True).stdout.split()
    assert "recsys.serving.predicting.clicks" in loaded
    assert {"numpy", "polars", "pandas", "sklearn", "catboost", "scipy"} & set(loaded) == set()
