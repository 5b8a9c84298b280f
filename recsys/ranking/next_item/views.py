"""Ways of looking at past sequences; each gives scores of items for a sequence that goes on."""

from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
import scipy.sparse as sp

from recsys.candidates.covisitation import Transitions, follow_scores
from recsys.candidates.heaviest import heaviest
from recsys.candidates.sequences import Sequences
from recsys.candidates.session_knn import Likeness, Neighbours
from recsys.ranking.next_item.content import Content
from recsys.ranking.next_item.linear import LinearParams, linear_followers
from recsys.types import Frozen


class View(Frozen):
    """Transitions counted in one way, and how much of the sequence they are asked with."""

    name: str
    transitions: Transitions
    position_decay: float
    "What an item counts of the one after it; 0: only the last item is asked with."
    half_life: float | None = None
    "As a share of all events: an event this far before the newest counts half. None: age does not matter."
    weight: float = 0.0
    "Its part in choosing candidates."


VIEWS: Final = (
    View(name="near", transitions=Transitions(), position_decay=0.6, weight=1.0),
    View(
        name="forward",
        transitions=Transitions(backward=0.0, known_power=0.7),
        position_decay=0.3,
        weight=0.5,
    ),
    View(
        name="next",
        transitions=Transitions(window=1, backward=0.0, known_power=1.0, popularity_power=0.0, shrinkage=1.0),
        position_decay=0.0,
        weight=0.3,
    ),
    View(
        name="rare",
        transitions=Transitions(popularity_power=0.5),
        position_decay=0.9,
        weight=0.3,
    ),
    View(
        name="together",
        transitions=Transitions(window=20, backward=1.0, distance_decay=0.95, popularity_power=0.5, shrinkage=5.0),
        position_decay=0.85,
        weight=0.3,
    ),
    View(
        name="lately",
        transitions=Transitions(shrinkage=0.5),
        position_decay=0.6,
        half_life=0.05,
        weight=0.5,
    ),
    View(
        name="next_lately",
        transitions=Transitions(window=1, backward=0.0, known_power=1.0, popularity_power=0.0, shrinkage=0.2),
        position_decay=0.0,
        half_life=0.05,
        weight=0.2,
    ),
)
"""What a ranker looks at. Those with ``half_life`` need sequences that stand in the order of time."""
NEIGHBOURS: Final = "neighbours"
TWINS: Final = "twins"
"The few sequences that are most like the end of this one."
LINEAR: Final = "linear"
"A linear model of what comes next."
VIA: Final = "via"
"What stands near what stands near: items that were never seen together."
CONTENT: Final = "content"
OWN: Final = "own"
NEAR: Final = "near"
FORWARD: Final = "forward"
NEXT: Final = "next"
BEFORE_LAST: Final = "next_but_one"
WEIGHTS: Final = {
    **{view.name: view.weight for view in VIEWS},
    NEIGHBOURS: 0.5,
    VIA: 0.4,
    LINEAR: 0.3,
    CONTENT: 0.2,
    OWN: 0.3,
}
VIA_DECAY: Final = 0.6
LINEAR_PARAMS: Final = LinearParams()
TWINS_COUNT: Final = 50
OWN_DECAY: Final = 0.6
NEIGHBOURS_DECAY: Final = 0.8
TWINS_DECAY: Final = 0.4
CONTENT_DECAY: Final = 0.7
FIRST_STEPS: Final = 30
SECOND_STEPS: Final = 200
"""Items that a walk of two steps goes over, and ends at, per item."""
ITEM_BLOCK: Final = 5000
SMALLEST: Final = 1e-9


@dataclass(frozen=True)
class Views:
    """All views of some past sequences."""

    followers: dict[str, sp.csr_matrix]
    "Items × items by view."
    decays: dict[str, float]
    neighbours: Neighbours
    twins: Neighbours
    content: Content | None

    @classmethod
    def of(cls, past: Sequences, content: Content | None, *, in_time: bool) -> Self:
        """Learns from ``past``; ``in_time``: its sequences stand in the order of time."""
        used = [view for view in VIEWS if in_time or view.half_life is None]
        followers = {view.name: follow_scores(past.fading(view.half_life), view.transitions) for view in used}
        followers[VIA] = two_steps(followers[NEAR])
        followers[LINEAR] = linear_followers(past, LINEAR_PARAMS)
        decays = {view.name: view.position_decay for view in used}
        decays |= {VIA: VIA_DECAY, LINEAR: LINEAR_PARAMS.position_decay}
        neighbours = Neighbours.of(past, Likeness())
        return cls(followers, decays, neighbours, replace(neighbours, params=Likeness(neighbours=TWINS_COUNT)), content)

    def scores(self, queries: Sequences) -> dict[str, sp.csr_matrix]:
        """Per view, queries × items; what has no evidence is absent."""
        last = queries.ends(1.0, at_most=1)
        found = {
            name: (queries.ends(decay) if decay else last) @ self.followers[name] for name, decay in self.decays.items()
        }
        found[BEFORE_LAST] = queries.without_last().ends(1.0, at_most=1) @ self.followers[FORWARD]
        found[TWINS] = self.twins.scores(queries.ends(TWINS_DECAY))
        found[NEIGHBOURS] = self.neighbours.scores(queries.ends(NEIGHBOURS_DECAY))
        if self.content is not None:
            found[CONTENT] = queries.ends(CONTENT_DECAY) @ self.content.near
        return {name: scores.tocsr() for name, scores in found.items()}


def two_steps(near: sp.csr_matrix) -> sp.csr_matrix:
    """What stands near what stands near an item: a walk of two steps, along the nearest of each."""
    step = heaviest(near, FIRST_STEPS)
    length = np.maximum(np.asarray(step.sum(axis=1)).ravel(), SMALLEST)
    step = (sp.diags_array((1 / length).astype(np.float32)) @ step).tocsr()
    blocks = [
        heaviest(step[start : start + ITEM_BLOCK] @ step, SECOND_STEPS) for start in range(0, step.shape[0], ITEM_BLOCK)
    ]
    return sp.vstack(blocks, format="csr") if blocks else step
