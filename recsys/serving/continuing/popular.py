"""What is popular, whatever the session."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from recsys.serving.continuing.scorer import Arrays, Scored, SessionScorer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Popular(SessionScorer):
    """The same items for every session."""

    kind: ClassVar[str] = "popular"

    def __init__(self, columns: "NDArray[np.int64]", scores: "NDArray[np.float32]") -> None:
        self.columns = columns
        self.scores = scores

    def score(self, session: "NDArray[np.int64]") -> Scored:
        return self.columns, self.scores

    def arrays(self) -> Arrays:
        return {"columns": self.columns, "scores": self.scores}

    def told(self) -> dict[str, Any]:
        return {}

    @classmethod
    def of(cls, arrays: Arrays, told: Mapping[str, Any]) -> Self:
        return cls(arrays["columns"], arrays["scores"])
