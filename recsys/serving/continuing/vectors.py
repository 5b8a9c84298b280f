"""Items whose vectors point where the session's point."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from recsys.serving.continuing.scorer import Arrays, Scored, SessionScorer
from recsys.serving.continuing.weights import weights_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SMALLEST = 1e-12


class ItemVectors(SessionScorer):
    """Score of j: the cosine of its vector and Σ position_decay^steps(i) · vector(i); only positive ones are told."""

    kind: ClassVar[str] = "vectors"

    def __init__(self, vectors: "NDArray[np.float32]", *, position_decay: float) -> None:
        """``vectors``: shape (items, size), of length 1, or 0 where nothing is known of an item."""
        self.vectors = vectors
        self.position_decay = position_decay

    def score(self, session: "NDArray[np.int64]") -> Scored:
        import numpy as np

        columns, weights = weights_of(session, self.position_decay)
        direction = weights @ self.vectors[columns]
        cosines = self.vectors @ (direction / max(float(np.linalg.norm(direction)), SMALLEST))
        found = np.flatnonzero(cosines > 0)
        return found, cosines[found]

    def because(self, session: "NDArray[np.int64]", columns: "NDArray[np.int64]") -> Sequence[Sequence[int]]:
        import numpy as np

        own, weights = weights_of(session, self.position_decay)
        said = (self.vectors[own] @ self.vectors[columns].T) * weights[:, None]
        strongest = np.argsort(-said, axis=0, kind="stable")
        return [
            [int(own[n]) for n in strongest[:, place] if said[n, place] > 0 and own[n] != column]
            for place, column in enumerate(columns)
        ]

    def arrays(self) -> Arrays:
        return {"vectors": self.vectors}

    def told(self) -> dict[str, Any]:
        return {"position_decay": self.position_decay}

    @classmethod
    def of(cls, arrays: Arrays, told: Mapping[str, Any]) -> Self:
        return cls(arrays["vectors"], position_decay=told["position_decay"])
