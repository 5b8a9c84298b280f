"""How likely a session is to buy, given what happened in it so far."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from recsys.errors import FeatureMismatch
from recsys.serving.predicting.scorer import Scorer
from recsys.serving.predicting.session import SessionEvent, SessionRules, live_session
from recsys.serving.predicting.session_features import SessionWalk, feature_names

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RULES, RATE = "rules", "rate"


class PurchaseIntent:
    """A fitted model of purchase intent, as it is trained, judged and served."""

    def __init__(self, rules: SessionRules, scorer: Scorer, *, rate: float) -> None:
        if scorer.features != feature_names(rules):
            raise FeatureMismatch(
                "found a model of other features than this version makes of a session; train the predictor again"
            )
        self.rules = rules
        self.scorer = scorer
        self.rate = rate
        "Share of the sessions that buy: what is said of one in which nothing has happened yet."

    def predict(self, sessions: Sequence[Sequence[SessionEvent]]) -> "NDArray[np.float64]":
        """For each session the probability, in [0, 1], that it goes on to a purchase.

        Args:
            sessions: what happened so far, oldest first, as ``live_session`` gives it; may be empty, and may tell event
                types alone. Event types the site has not are left out.
        """
        live = [live_session(session, self.rules) for session in sessions]
        said = self.scorer.predict(self._table(live))
        said[[not session for session in live]] = self.rate
        return said

    def table(self, sessions: Sequence[Sequence[SessionEvent]]) -> "NDArray[np.float32]":
        """The features of each session after its last event, float32, shape (sessions, features)."""
        return self._table([live_session(session, self.rules) for session in sessions])

    def save(self, folder: Path) -> str:
        """Writes the model's files into ``folder``; its version."""
        self.scorer.told |= {RULES: self.rules.model_dump(mode="json"), RATE: self.rate}
        return self.scorer.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model saved in ``folder``.

        Raises:
            ReleaseError: a file is missing.
            FeatureMismatch: it was trained on other features.
        """
        scorer = Scorer.load(folder)
        return cls(SessionRules.model_validate(scorer.told[RULES]), scorer, rate=scorer.told[RATE])

    @property
    def version(self) -> str:
        return self.scorer.version

    def _table(self, live: Sequence[Sequence[SessionEvent]]) -> "NDArray[np.float32]":
        import numpy as np

        rows = [self._features(session) for session in live]
        return np.asarray(rows, dtype=np.float32).reshape(len(rows), len(self.scorer.features))

    def _features(self, live: Sequence[SessionEvent]) -> list[float]:
        walk = SessionWalk(self.rules)
        for event in live:
            walk.add(event)
        return walk.features()
