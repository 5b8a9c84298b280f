"""In what proportion an answer mixes what was computed offline, what follows from the last events, what is popular."""

from pydantic import NonNegativeFloat, model_validator

from recsys.types import Frozen


class BlendPolicy(Frozen):
    """Weights of the parts of a blended answer; only their proportion counts. A part of weight 0 follows the others."""

    online: NonNegativeFloat = 1.0
    "Items similar to the user's last events."
    offline: NonNegativeFloat = 1.0
    "The user's ranked slate."
    popular: NonNegativeFloat = 0.0
    "Popular items."

    @model_validator(mode="after")
    def _something_has_weight(self) -> "BlendPolicy":
        if not (self.online or self.offline or self.popular):
            raise ValueError("found no weight above 0, expected one of online, offline and popular to have one")
        return self
