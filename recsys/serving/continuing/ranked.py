"""A mixture proposes, boosted trees decide: they weigh what each part says of an item against what is known of it.

Training makes its table with ``Evidence.table``, too: an item looks the same to the trees offline and online.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from recsys.serving.continuing.best import settled
from recsys.serving.continuing.mixture import Mixture
from recsys.serving.continuing.scorer import Arrays, Scored, SessionScorer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIXTURE: Final = "mixture."
FAR: Final = 99.0
"""Steps to an item that the session does not have."""
SMALLEST: Final = 1e-12


@dataclass(frozen=True)
class Evidence:
    """Everything that a row of a session and a candidate is made of."""

    mixture: Mixture
    facts: "NDArray[np.float32]"
    "Items × facts of them alone, such as how often they come."
    candidates: int
    "How many of the mixture's best are looked at."

    def table(self, session: "NDArray[np.int64]") -> "tuple[NDArray[np.int64], NDArray[np.float32], Scored]":
        """The candidates, best first; what is known of each, one row each; and the mixture's other items.

        A row has, part by part, its score, its share of the candidates' highest, and its place among them; the
        mixture's own score; the item's facts; how many steps ago the session had it, and how often; and of the session
        its length, how many items it has, and the facts of its last one.
        """
        import numpy as np

        said = self.mixture.said(session)
        total = self.mixture.together(session, said)
        columns, rest = _divided(np.flatnonzero(total > 0), total, self.candidates)
        place = np.full(len(total), -1, dtype=np.int32)
        place[columns] = np.arange(len(columns))
        values = np.zeros((len(said), len(columns)), dtype=np.float32)
        for row, (known, value) in zip(values, said, strict=True):
            at = place[known]
            row[at[at >= 0]] = value[at >= 0]
        shares = values / np.maximum(values.max(axis=1, initial=0.0), SMALLEST)[:, None]
        own, back, count = np.unique(session[::-1], return_index=True, return_counts=True)
        steps, times = np.full(len(columns), FAR), np.zeros(len(columns))
        there = place[own] >= 0
        steps[place[own[there]]], times[place[own[there]]] = back[there], count[there]
        alike = np.concatenate([[len(session), len(own)], self.facts[session[-1]]])
        alone = [total[columns], steps, times, *self.facts[columns].T]
        known = np.concatenate([values, shares, _places(values), alone, np.tile(alike, (len(columns), 1)).T])
        return columns, np.ascontiguousarray(known.T, dtype=np.float32), (rest, total[rest])


class Ranked(SessionScorer):
    """Score of a candidate: the trees' log-odds that it comes next. Other items follow in the mixture's order."""

    kind: ClassVar[str] = "ranked"

    def __init__(self, evidence: Evidence, trees: "NDArray[np.uint8]") -> None:
        """``trees``: a CatBoost model in its own binary form."""
        from catboost import CatBoost

        self.evidence = evidence
        self._blob = trees
        self._trees = CatBoost().load_model(blob=trees.tobytes())

    def score(self, session: "NDArray[np.int64]") -> Scored:
        import numpy as np

        columns, table, (rest, others) = self.evidence.table(session)
        if not len(columns):
            return columns, np.empty(0, dtype=np.float32)
        scores = self._trees.predict(table, thread_count=1)
        below = scores.min() - 2 + others / max(float(others.max(initial=0.0)), SMALLEST)
        return np.concatenate([columns, rest]), np.concatenate([scores, below]).astype(np.float32)

    def because(self, session: "NDArray[np.int64]", columns: "NDArray[np.int64]") -> Sequence[Sequence[int]]:
        return self.evidence.mixture.because(session, columns)

    def arrays(self) -> Arrays:
        mixed = {f"{MIXTURE}{name}": array for name, array in self.evidence.mixture.arrays().items()}
        return {**mixed, "facts": self.evidence.facts, "trees": self._blob}

    def told(self) -> dict[str, Any]:
        return {"candidates": self.evidence.candidates, "mixture": self.evidence.mixture.told()}

    @classmethod
    def of(cls, arrays: Arrays, told: Mapping[str, Any]) -> Self:
        mixed = {name.removeprefix(MIXTURE): array for name, array in arrays.items() if name.startswith(MIXTURE)}
        evidence = Evidence(Mixture.of(mixed, told["mixture"]), arrays["facts"], told["candidates"])
        return cls(evidence, arrays["trees"])


def _divided(
    found: "NDArray[np.int64]", total: "NDArray[np.float32]", count: int
) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
    """Of the columns ``found`` the ``count`` that have most, best first, the lower of equals; and the rest."""
    import numpy as np

    scores = settled(total[found])
    high = np.ones(len(found), dtype=bool)
    if len(found) > count:
        high = scores >= np.partition(scores, len(scores) - count)[len(scores) - count]
    best = found[high][np.argsort(-scores[high], kind="stable")]
    return best[:count], np.concatenate([best[count:], found[~high]])


def _places(values: "NDArray[np.float32]") -> "NDArray[np.int64]":
    """The place of each value in its row, 0 is the highest; of equals the earlier."""
    import numpy as np

    places = np.empty(values.shape, dtype=np.int64)
    np.put_along_axis(places, np.argsort(-values, axis=1, kind="stable"), np.arange(values.shape[1])[None, :], axis=1)
    return places
