"""A mixture: what each of its parts learns, with what it counts."""

from typing import Any, Final

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveFloat

from recsys.candidates.sequences import Sequences
from recsys.predictors.session.from_generators import Decay
from recsys.serving.continuing.mixture import Mixture, Part
from recsys.types import Frozen


class PartParams(Frozen):
    """One part."""

    kind: str
    params: dict[str, Any] = Field(default_factory=dict)
    weight: PositiveFloat = 1.0
    "What its best item counts."


def _followers(weight: float, **params: float) -> PartParams:
    return PartParams(kind="followers", params=params, weight=weight)


PARTS: Final = (
    _followers(1.0),
    _followers(0.5, backward=0.0, known_power=0.7, position_decay=0.3),
    _followers(0.3, window=1, backward=0.0, known_power=1.0, popularity_power=0.0, shrinkage=1.0, position_decay=0.0),
    _followers(0.3, popularity_power=0.5, position_decay=0.9),
    _followers(
        0.3,
        window=20,
        backward=1.0,
        distance_decay=0.95,
        popularity_power=0.5,
        shrinkage=5.0,
        position_decay=0.85,
    ),
    _followers(0.5, shrinkage=0.5, half_life=0.05),
    PartParams(kind="neighbours", params={"matched_power": 0.5, "age_decay": 0.1, "distance_decay": 0.8}, weight=0.5),
)
"""Near and far, forward alone, what came directly next, the rare, the whole session, lately; sessions like this one."""


class MixtureParams(Frozen):
    """What is mixed."""

    parts: tuple[PartParams, ...] = PARTS
    own_weight: NonNegativeFloat = 0.3
    "What the session's last item counts itself, where a site shows items again."
    own_decay: Decay = 0.6
    "An item of the session before it counts this much of it."


def learn_mixture(past: Sequences, params: MixtureParams, rng: np.random.Generator) -> Mixture:
    """Every part learned from the same sessions."""
    from recsys.predictors.session.kinds import learn

    parts = [Part(learn(past, part.kind, part.params, rng), part.weight) for part in params.parts]
    return Mixture(parts, items=len(past.items), own_weight=params.own_weight, own_decay=params.own_decay)
