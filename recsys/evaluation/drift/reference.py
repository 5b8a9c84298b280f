"""What a predictor looked at and said before it went live, as counts that are small enough to keep with it."""

from collections.abc import Sequence
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from recsys.evaluation.bootstrap import Floats
from recsys.evaluation.drift.distributions import Change, binned, change_of_counts, edges_of
from recsys.evaluation.drift.features import SPARE
from recsys.evaluation.drift.outcomes import auc
from recsys.types import Frozen

LEAST: Final = 100
"""Fewest rows of a day for it to say how much days differ anyway."""


class Histogram(Frozen):
    """How often a number was how large."""

    edges: tuple[float, ...]
    "Where bins end, in rising order."
    counts: tuple[int, ...]
    "Rows up to each edge, beyond the last, and without a value."
    usual: Change
    "The most that a single day lay from the other days."

    @classmethod
    def of(cls, values: Floats, days: NDArray[np.int64]) -> Self:
        """Of one value per row, NaN where missing; ``days`` numbers the day of each row."""
        edges = edges_of(values)
        counts = binned(values, edges)
        of_days = [binned(values[days == day], edges) for day in np.unique(days)]
        found = [
            change_of_counts(counts - each, each) for each in of_days if LEAST <= each.sum() <= counts.sum() - LEAST
        ]
        usual = Change(
            psi=max((each.psi for each in found), default=0.0), ks=max((each.ks for each in found), default=0.0)
        )
        return cls(edges=tuple(edges), counts=tuple(counts.astype(int).tolist()), usual=usual)

    def change(self, values: Floats) -> Change:
        """How far these values lie from it, beyond chance, and beyond twice what is usual between days."""
        found = change_of_counts(np.asarray(self.counts, np.float64), binned(values, np.asarray(self.edges)))
        return Change(psi=max(0.0, found.psi - SPARE * self.usual.psi), ks=max(0.0, found.ks - SPARE * self.usual.ks))


class Reference(Frozen):
    """The rows that a predictor was judged on: the latest before its as_of, seen as a request sees them."""

    rows: int
    rate: float
    "Share of successes."
    auc: float | None
    "None: there were successes alone, or none."
    features: dict[str, Histogram]
    predictions: Histogram

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        table: NDArray[np.float32],
        said: Floats,
        labels: NDArray[np.bool_],
        days: NDArray[np.int64],
    ) -> Self:
        """Of at least one row.

        Args:
            names: of the table's columns.
            table: shape (rows, features); NaN is unknown.
            said: the probability of each row.
            labels: what became of it.
            days: the number of its UTC day.
        """
        columns = {name: table[:, place].astype(np.float64) for place, name in enumerate(names)}
        return cls(
            rows=len(labels),
            rate=float(labels.mean()),
            auc=auc(labels, said),
            features={name: Histogram.of(values, days) for name, values in columns.items()},
            predictions=Histogram.of(said, days),
        )

    def changes(self, names: Sequence[str], table: NDArray[np.float32]) -> dict[str, Change]:
        """How far each column lies from what it was, farthest first; columns of one side alone are left out."""
        found = {
            name: self.features[name].change(table[:, place].astype(np.float64))
            for place, name in enumerate(names)
            if name in self.features
        }
        return dict(sorted(found.items(), key=lambda each: (-each[1].psi, -each[1].ks, each[0])))
