"""How likely a session is to buy, given what happened in it so far."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from recsys.errors import FeatureMismatch
from recsys.serving.predicting.recurrent import NETWORK_FILE, Recurrent
from recsys.serving.predicting.scorer import Scorer
from recsys.serving.predicting.session import SessionEvent, SessionRules, live_session
from recsys.serving.predicting.session_features import SessionWalk, feature_names

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RULES, RATE = "rules", "rate"


class SessionScorer(Protocol):
    """What scores the beginnings of sessions, whatever kind of model it is.

    Attributes:
        features: names of the table's columns, those of ``feature_names``.
        threshold: the probability from which on a session is taken for one that buys, where a yes or no is asked for.
        told: what ``PurchaseIntent`` wants to remember beside the model: JSON.
        version: 16 hexadecimal digits over the model's files; empty before they are saved.
    """

    features: tuple[str, ...]
    threshold: float
    told: dict[str, Any]
    version: str

    @property
    def remembers(self) -> bool:
        """Whether it reads a session event by event; otherwise the row after the last event is all it needs."""

    def along(self, table: "NDArray[np.float32]", session: "NDArray[np.int64]") -> "NDArray[np.float64]":
        """One probability per row, of which no later row of its session knows anything.

        Args:
            table: the features after an event, float32, shape (rows, features). Rows of one session stand together,
                earlier events first; for a scorer that remembers none is left out.
            session: of which session each row is.
        """

    def save(self, folder: Path) -> str:
        """Writes the model's files into ``folder``, made when absent; its version."""


class PurchaseIntent:
    """A fitted model of purchase intent, as it is trained, judged and served."""

    def __init__(self, rules: SessionRules, scorer: SessionScorer, *, rate: float) -> None:
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
        import numpy as np

        walks = [self._walk(session) for session in sessions]
        lengths = np.array([len(walk) for walk in walks], dtype=np.int64)
        said = np.full(len(walks), self.rate)
        if lengths.any():
            table = np.array([row for walk in walks for row in walk], dtype=np.float32)
            along = self.scorer.along(table, np.repeat(np.arange(len(walks)), lengths))
            said[lengths > 0] = along[np.cumsum(lengths)[lengths > 0] - 1]
        return said

    def table(self, sessions: Sequence[Sequence[SessionEvent]]) -> "NDArray[np.float32]":
        """The features of each session after its last event, float32, shape (sessions, features).

        Every session has an event of a type that the site has, and its last one has bought nothing.
        """
        import numpy as np

        rows = [self._walk(session)[-1] for session in sessions]
        return np.array(rows, dtype=np.float32).reshape(len(rows), len(self.scorer.features))

    def save(self, folder: Path) -> str:
        """Writes the model's files into ``folder``; its version."""
        self.scorer.told |= {RULES: self.rules.model_dump(mode="json"), RATE: self.rate}
        return self.scorer.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model saved in ``folder``, of whichever kind it is.

        Raises:
            ReleaseError: a file is missing.
            FeatureMismatch: it was trained on other features.
        """
        kind = Recurrent if (folder / NETWORK_FILE).is_file() else Scorer
        scorer: SessionScorer = kind.load(folder)
        return cls(SessionRules.model_validate(scorer.told[RULES]), scorer, rate=scorer.told[RATE])

    @property
    def version(self) -> str:
        return self.scorer.version

    def _walk(self, session: Sequence[SessionEvent]) -> list[list[float]]:
        """The features after each event of a live session, or, where that says it all, after its last alone."""
        walk, rows = SessionWalk(self.rules), []
        live = live_session(session, self.rules)
        for place, event in enumerate(live, start=1):
            walk.add(event)
            if self.scorer.remembers or place == len(live):
                rows.append(walk.features())
        return rows
