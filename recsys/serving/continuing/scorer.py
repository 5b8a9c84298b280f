"""What every way of continuing a session keeps to."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Arrays = Mapping[str, "NDArray[Any]"]
Scored = tuple["NDArray[np.int64]", "NDArray[np.float32]"]


class SessionScorer(Protocol):
    """Says which items may come next. Items are columns: whole numbers from 0, in the order of the model's items."""

    kind: ClassVar[str]

    def score(self, session: "NDArray[np.int64]") -> Scored:
        """Columns, each at most once and in any order, and their finite scores; what is not there has no evidence.

        Args:
            session: columns, at least one, oldest first; one may come several times. It is not changed.
        """
        ...

    def because(self, session: "NDArray[np.int64]", columns: "NDArray[np.int64]") -> Sequence[Sequence[int]]:
        """For each of ``columns`` those of the session that speak for it, the strongest first; perhaps none."""
        return [()] * len(columns)

    def arrays(self) -> Arrays:
        """What was learned: names, without a dot where no part of a mixture is meant, and arrays of numbers."""
        ...

    def told(self) -> dict[str, Any]:
        """The rest of what it is, as JSON."""
        ...

    @classmethod
    def of(cls, arrays: Arrays, told: Mapping[str, Any]) -> Self:
        """The same scorer again; arrays may be read-only."""
        ...
