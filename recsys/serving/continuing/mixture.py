"""Several ways of continuing a session, each with a weight."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from recsys.serving.continuing.scorer import Arrays, Scored, SessionScorer
from recsys.serving.continuing.weights import weights_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


ASKED = 2
"""Parts, the heaviest, that are asked which items of the session speak for another."""


class Part(NamedTuple):
    """One of a mixture."""

    scorer: SessionScorer
    weight: float


class Mixture(SessionScorer):
    """Score of j: Σ over the parts of weight · score(j) / that part's highest, plus what its own items get.

    An item of the session itself gets own_weight · own_decay^steps: how likely sessions are to come back.
    """

    kind: ClassVar[str] = "mixture"

    def __init__(self, parts: Sequence[Part], *, items: int, own_weight: float = 0.0, own_decay: float = 0.5) -> None:
        """``items``: how many there are in the model."""
        self.parts = tuple(parts)
        self.items = items
        self.own_weight = own_weight
        self.own_decay = own_decay

    def score(self, session: "NDArray[np.int64]") -> Scored:
        import numpy as np

        total = self.together(session, self.said(session))
        found = np.flatnonzero(total > 0)
        return found, total[found]

    def said(self, session: "NDArray[np.int64]") -> list[Scored]:
        """What each part says."""
        return [part.scorer.score(session) for part in self.parts]

    def together(self, session: "NDArray[np.int64]", said: Sequence[Scored]) -> "NDArray[np.float32]":
        """The score of every item, 0 without evidence."""
        import numpy as np

        total = np.zeros(self.items, dtype=np.float32)
        for part, (columns, scores) in zip(self.parts, said, strict=True):
            highest = float(scores.max(initial=0.0))
            if highest > 0:
                total[columns] += scores * np.float32(part.weight / highest)
        own, weights = weights_of(session, self.own_decay)
        total[own] += np.float32(self.own_weight) * weights
        return total

    def because(self, session: "NDArray[np.int64]", columns: "NDArray[np.int64]") -> Sequence[Sequence[int]]:
        import numpy as np

        found: list[Sequence[int]] = [()] * len(columns)
        left = np.arange(len(columns))
        for part in sorted(self.parts, key=lambda part: -part.weight)[:ASKED]:
            for place, reasons in zip(left.tolist(), part.scorer.because(session, columns[left]), strict=True):
                found[place] = reasons
            left = np.array([place for place in left.tolist() if not found[place]], dtype=np.int64)
            if not len(left):
                break
        return found

    def arrays(self) -> Arrays:
        return {
            f"{n}.{name}": array for n, part in enumerate(self.parts) for name, array in part.scorer.arrays().items()
        }

    def told(self) -> dict[str, Any]:
        return {
            "items": self.items,
            "own_weight": self.own_weight,
            "own_decay": self.own_decay,
            "parts": [
                {"kind": part.scorer.kind, "weight": part.weight, "told": part.scorer.told()} for part in self.parts
            ],
        }

    @classmethod
    def of(cls, arrays: Arrays, told: Mapping[str, Any]) -> Self:
        from recsys.serving.continuing.kinds import SCORERS

        parts = [
            Part(
                SCORERS[part["kind"]].of(
                    {name.removeprefix(f"{n}."): array for name, array in arrays.items() if name.startswith(f"{n}.")},
                    part["told"],
                ),
                part["weight"],
            )
            for n, part in enumerate(told["parts"])
        ]
        return cls(parts, items=told["items"], own_weight=told["own_weight"], own_decay=told["own_decay"])
