"""Whether the release's ranker orders what is shown at request time."""

from typing import Annotated

from pydantic import Field, NonNegativeFloat

from recsys.types import Frozen


class OnlineRankingPolicy(Frozen):
    """Off by default: it costs memory, and time of each request."""

    enabled: bool = False
    "True: releases carry what is needed for it, and users who did something lately are answered with it."
    budget_ms: NonNegativeFloat = 10.0
    "Milliseconds that a request waits for the scores; then it is answered without them."
    online_weight: NonNegativeFloat = 8.0
    "Added to the ranker's score of the item that is most similar to the last events; to others in proportion."
    candidates: Annotated[int, Field(ge=10, le=2000)] = 300
    "Candidates of each user whose evidence is carried, the best first."
