"""A mixture: what each of its parts learns, with what it counts."""

from typing import Any

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


PARTS = (
    PartParams(kind="followers"),
    PartParams(kind="neighbours", weight=0.5),
)


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
