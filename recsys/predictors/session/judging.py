"""How good next items are: every beginning of a session is asked about, over the whole catalogue."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from recsys.predictors.contest import Quality
from recsys.predictors.curves import Curves
from recsys.predictors.session.sessions import Case
from recsys.serving.continuing.model import NextItems
from recsys.types import ItemId

ASKED: Final = 20
"""Items of an answer."""
ABSENT: Final = 0


class SessionQuality(Quality):
    """Of one model on one set of cases; docs/metrics.md says what each number means."""

    cases: int
    hit_rate: float
    mrr: float
    coverage: float
    popularity_bias: float
    answered: float
    "Share of the cases that got any item."
    found_among: tuple[float, ...]
    "Share of the cases whose next item is among the first 1, 2, … of the answer."

    def metrics(self) -> dict[str, float]:
        return self.model_dump(exclude={"found_among"})

    @classmethod
    def curves(cls, contestants: Mapping[str, Self]) -> Curves:
        return Curves(
            name="hit_rate",
            title="Next items of later sessions",
            x="first items of an answer",
            y="share of cases whose next item is among them",
            lines={name: list(enumerate(found.found_among, start=1)) for name, found in contestants.items()},
        )


@dataclass(frozen=True)
class Judged:
    """What a model answered."""

    ranks: NDArray[np.int64]
    "Per case the place of what came next, 1 is best; ABSENT where the answer does not have it."
    asked: int
    "Items of an answer, at most."
    groups: NDArray[np.int64]
    "Per case its session: cases of one session are not independent."
    coverage: float
    popularity_bias: float
    answered: float

    @property
    def quality(self) -> SessionQuality:
        """The means."""
        return SessionQuality(
            cases=len(self.ranks),
            hit_rate=float(self.hits.mean()),
            mrr=float(self.reciprocal_ranks.mean()),
            coverage=self.coverage,
            popularity_bias=self.popularity_bias,
            answered=self.answered,
            found_among=tuple(np.cumsum(np.bincount(self.ranks, minlength=self.asked + 1)[1:]) / len(self.ranks)),
        )

    @property
    def hits(self) -> NDArray[np.float64]:
        """Per case 1 or 0."""
        found: NDArray[np.float64] = (self.ranks != ABSENT).astype(np.float64)
        return found

    @property
    def reciprocal_ranks(self) -> NDArray[np.float64]:
        """Per case, 0 where it is absent."""
        found: NDArray[np.float64] = self.hits / np.maximum(self.ranks, 1)
        return found


def judge_sessions(
    model: NextItems, cases: Sequence[Case], *, popularity: Mapping[ItemId, int], repeats: bool, k: int = ASKED
) -> Judged:
    """Asks the model as the web service does, case by case.

    Args:
        model: as it is served.
        cases: at least one.
        popularity: events of each item in what may be learned from; its items are the catalogue.
        repeats: whether items of the session may come again.
        k: items of an answer.
    """
    ranks = np.zeros(len(cases), dtype=np.int64)
    shown: Counter[ItemId] = Counter()
    answered = 0
    for n, case in enumerate(cases):
        items = [item.item_id for item in model.continue_session(case.session, k=k, repeats=repeats)]
        shown.update(items)
        answered += bool(items)
        if case.truth in items:
            ranks[n] = items.index(case.truth) + 1
    most = max(popularity.values(), default=1)
    seen = sum(count * popularity.get(item, 0) for item, count in shown.items())
    return Judged(
        ranks,
        k,
        np.array([case.group for case in cases], dtype=np.int64),
        coverage=len(shown) / max(len(popularity), 1),
        popularity_bias=seen / max(shown.total() * most, 1),
        answered=answered / len(cases),
    )
