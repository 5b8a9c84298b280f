"""From a model's scores to probabilities of success: what a business can multiply with a margin, and compare.

A curve that never falls, learned from scores of rows that the scoring model had not seen, gives a scale to scores that
have none (those of a ranking loss), and straightens those that have one.

Sources: Platt, "Probabilistic outputs for support vector machines", 1999; Zadrozny and Elkan, "Transforming classifier
scores into accurate multiclass probability estimates", KDD 2002 (isotonic).
"""

from typing import TYPE_CHECKING, Final, Literal, Self

from recsys.errors import NotEnoughData
from recsys.types import Frozen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Method = Literal["isotonic", "platt"]
WEAK: Final = 1e6
"""Inverse strength of the regularization of the logistic curve: none to speak of."""


class Calibration(Frozen):
    """A curve from scores to probabilities; as JSON it is its own state."""

    method: Method
    scores: tuple[float, ...] = ()
    "Of isotonic: where the curve's points lie, rising; between them it is straight, outside it is level."
    probabilities: tuple[float, ...] = ()
    slope: float = 0.0
    "Of platt: the logistic curve of slope · score + intercept."
    intercept: float = 0.0

    @classmethod
    def of(
        cls,
        method: Method,
        scores: "NDArray[np.float64]",
        successes: "NDArray[np.bool_]",
        weights: "NDArray[np.float64]",
    ) -> Self:
        """The curve under which ``successes`` are most likely (platt) or nearest in squares (isotonic).

        Args:
            method: isotonic follows any rising shape and wants a few hundred successes; platt is a logistic curve.
            scores: of rows that the scoring model did not learn from.
            successes: what became of them; both kinds occur.
            weights: how many rows each stands for.

        Raises:
            NotEnoughData: all rows are successes, or none is.
        """
        from sklearn.isotonic import IsotonicRegression
        from sklearn.linear_model import LogisticRegression

        if successes.all() or not successes.any():
            raise NotEnoughData(
                f"found {int(successes.sum())} successes among {len(successes)} held-back rows, expected both kinds to "
                "calibrate on; leave the calibration out where it can be, or wait for more events"
            )
        if method == "platt":
            found = LogisticRegression(C=WEAK).fit(scores[:, None], successes, sample_weight=weights)
            return cls(method=method, slope=float(found.coef_[0, 0]), intercept=float(found.intercept_[0]))
        curve = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
        curve.fit(scores, successes.astype(float), sample_weight=weights)
        return cls(method=method, scores=curve.X_thresholds_.tolist(), probabilities=curve.y_thresholds_.tolist())

    def probability(self, scores: "NDArray[np.float64]") -> "NDArray[np.float64]":
        """One number in [0, 1] per score; a higher score never has a lower one (platt: as far as its slope says)."""
        import numpy as np

        if self.method == "platt":
            found: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(self.slope * scores + self.intercept, -30, 30)))
            return found
        return np.interp(scores, self.scores, self.probabilities)
