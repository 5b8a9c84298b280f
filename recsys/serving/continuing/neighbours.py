"""Items of the past sessions that are most like this one: V-SKNN and STAN, and what lies between.

Likeness of a session q and a past session s: Σ_i q(i) · idf(i)^matched / √n(s) over the items of both, times
age_decay^(share of all sessions that came after s); q(i) falls with each step back from the end of q, n(s) is the
number of items of s. Item j scores, over the neighbours s that have it, likeness(s) · idf(j)^rarity ·
distance_decay^(steps in s between j and the last item of q that s has).

Sources: Ludewig and Jannach, "Evaluation of session-based recommendation algorithms", UMUAI 28, 2018 (V-SKNN); Garg,
Gupta, Malhotra, Vig and Shroff, "Sequence and time aware neighborhood for session-based recommendations", SIGIR 2019
(STAN: three decays, no idf).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from recsys.serving.continuing.rows import Rows, summed
from recsys.serving.continuing.scorer import Arrays, Scored, SessionScorer
from recsys.serving.continuing.weights import weights_of
from recsys.types import Frozen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class NeighbourRules(Frozen):
    """How past sessions are compared and what they say; the module's text has the formula."""

    position_decay: float
    neighbours: int
    matched_power: float
    rarity_power: float
    age_decay: float
    "1: age does not matter."
    distance_decay: float
    "1: distance does not matter."


class SessionNeighbours(SessionScorer):
    """What the sessions most like this one had."""

    kind: ClassVar[str] = "neighbours"

    def __init__(self, holders: Rows, contents: Rows, rarity: "NDArray[np.float64]", rules: NeighbourRules) -> None:
        """Past sessions, the later the newer.

        Args:
            holders: items × sessions, the newest that have the item: 1/√(items of the session).
            contents: sessions × items: the moment of the session at which the item came last.
            rarity: idf of every item, positive.
            rules: how they are compared.
        """
        import numpy as np

        self.holders, self.contents, self.rarity, self.rules = holders, contents, rarity, rules
        self._counts = np.power(rarity, rules.matched_power)
        self._says = np.power(rarity, rules.rarity_power)

    def score(self, session: "NDArray[np.int64]") -> Scored:
        import numpy as np

        rules = self.rules
        columns, weights = weights_of(session, rules.position_decay)
        at, whose = self.holders.entries(columns)
        sessions, place = np.unique(self.holders.columns[at], return_inverse=True)
        age = 1 - (sessions + 1) / len(self.contents)
        alike = np.bincount(place, self.holders.values[at] * (weights * self._counts[columns])[whose])
        likeness = alike * rules.age_decay**age
        if len(sessions) > rules.neighbours:
            order = np.lexsort((-sessions, -likeness))[: rules.neighbours]
        else:
            order = np.arange(len(sessions))
        near, likeness = sessions[order].astype(np.int64), likeness[order]
        at, whose = self.contents.entries(near)
        items = self.contents.columns[at]
        says = likeness[whose] * self._says[items]
        if rules.distance_decay < 1:
            moments = self.contents.values[at]
            newness = np.zeros(len(self.holders))
            newness[columns] = np.arange(len(columns), 0, -1)
            matched = np.lexsort((newness[items], whose))
            ends = np.cumsum(np.bincount(whose, minlength=len(near))) - 1
            says *= rules.distance_decay ** np.abs(moments - moments[matched[ends]][whose])
        return summed(items, says, len(self.holders))

    def arrays(self) -> Arrays:
        return {
            **{f"holder_{name}": array for name, array in self.holders.arrays().items()},
            **{f"content_{name}": array for name, array in self.contents.arrays().items()},
            "rarity": self.rarity,
        }

    def told(self) -> dict[str, Any]:
        return self.rules.model_dump(mode="json")

    @classmethod
    def of(cls, arrays: Arrays, told: Mapping[str, Any]) -> Self:
        held, had = (
            Rows.of({name.removeprefix(of): array for name, array in arrays.items() if name.startswith(of)})
            for of in ("holder_", "content_")
        )
        return cls(held, had, arrays["rarity"], NeighbourRules.model_validate(told))
