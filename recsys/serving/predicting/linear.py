"""A weighted sum of a row's features, in log-odds, and how it is mixed with the trees' score."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from recsys.types import Frozen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Linear(Frozen):
    """A logistic regression; as JSON it is its own state."""

    means: tuple[float, ...]
    "Stand in for features that are not known."
    weights: tuple[float, ...]
    intercept: float

    def score(self, table: "NDArray[np.float32]") -> "NDArray[np.float64]":
        """One number per row of ``table``, shape (rows, features); a row's is the same whatever rows are beside it."""
        import numpy as np

        known = np.where(np.isnan(table), np.array(self.means), table.astype(np.float64))
        terms = known * np.array(self.weights)
        scores: NDArray[np.float64] = terms.sum(axis=1) + self.intercept
        return scores


class Mixture(Frozen):
    """The weighted mean of the trees' score and a linear one, both in log-odds."""

    linear: Linear
    share: Annotated[float, Field(ge=0.0, le=1.0)]
    "Of the trees; what did best on held-back rows."

    def score(self, table: "NDArray[np.float32]", trees: "NDArray[np.float64]") -> "NDArray[np.float64]":
        """The weighted mean per row, from the trees' own scores."""
        return self.share * trees + (1.0 - self.share) * self.linear.score(table)
