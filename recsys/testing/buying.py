"""Sessions whose true probability to buy is known."""

import numpy as np

from recsys.predictors.intent import Session
from recsys.serving.predicting.session import SessionEvent

CHEAP, DEAR = 0.8, 0.2
"""How likely a session with a cart of this kind buys; without a cart none does."""


def drawn_sessions(count: int, *, rng: np.random.Generator) -> list[Session]:
    """One in two puts something in the cart, and half of these something cheap: sessions that are over, in order."""
    sessions = []
    for number in range(count):
        start = 10_000.0 * number
        cheap, carts = bool(rng.random() < 0.5), bool(rng.random() < 0.5)
        bought = carts and bool(rng.random() < (CHEAP if cheap else DEAR))
        kinds = ["view"] * int(rng.integers(1, 6)) + ["cart", "view"] * carts
        events = tuple(
            SessionEvent(kind, start + 20.0 * place, f"i{place % 3}", "x", 5.0 if cheap else 50.0)
            for place, kind in enumerate(kinds)
        )
        sessions.append(Session(f"u{number:05d}", events, bought, start + 20.0 * len(kinds)))
    return sessions
