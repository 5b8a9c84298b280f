"""What others did next: for every item the items that follow it, weighted by how recently the session had it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from recsys.serving.continuing.rows import Rows, summed
from recsys.serving.continuing.scorer import Arrays, Scored, SessionScorer
from recsys.serving.continuing.weights import weights_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LOOKED_AT = 5
"""Items of a session, the newest, that are asked whether they speak for another."""


class Followers(SessionScorer):
    """Score of j: Σ over the session's items i of position_decay^steps(i) · follows(i, j)."""

    kind: ClassVar[str] = "followers"

    def __init__(self, follows: Rows, *, position_decay: float) -> None:
        """``follows``: items × items, positive; ``position_decay``: 0 asks with the last item alone."""
        self.follows = follows
        self.position_decay = position_decay

    def score(self, session: "NDArray[np.int64]") -> Scored:
        columns, weights = weights_of(session, self.position_decay)
        at, whose = self.follows.entries(columns)
        return summed(self.follows.columns[at], self.follows.values[at] * weights[whose], len(self.follows))

    def because(self, session: "NDArray[np.int64]", columns: "NDArray[np.int64]") -> Sequence[Sequence[int]]:
        import numpy as np

        own, weights = weights_of(session, self.position_decay)
        own, weights = own[:LOOKED_AT], weights[:LOOKED_AT]
        said = np.stack(
            [self.follows.values_at(item, columns) * weight for item, weight in zip(own, weights, strict=True)]
        )
        strongest = np.argsort(-said, axis=0, kind="stable")
        return [
            [int(own[n]) for n in strongest[:, place] if said[n, place] > 0 and own[n] != column]
            for place, column in enumerate(columns)
        ]

    def arrays(self) -> Arrays:
        return self.follows.arrays()

    def told(self) -> dict[str, Any]:
        return {"position_decay": self.position_decay}

    @classmethod
    def of(cls, arrays: Arrays, told: Mapping[str, Any]) -> Self:
        return cls(Rows.of(arrays), position_decay=told["position_decay"])
