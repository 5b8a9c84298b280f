"""What a site asks of a slate beside the ranker's order. Everything is off by default."""

from typing import Annotated

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from recsys.types import Frozen


class RerankingPolicy(Frozen):
    """How the first positions of each slate are arranged anew."""

    positions: Annotated[int, Field(ge=1, le=100)] = 20
    "How many first positions are arranged; those after them keep the ranker's order."
    diversity: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    "Weight of being unlike what stands above, against the score; 0: only the score counts."
    max_per_category: PositiveInt | None = None
    "Most items of one category among these positions, as long as there are others; null: any number."
    freshness_boost: NonNegativeFloat = 0.0
    "Added to the score (1 for the slate's best, 0 for its worst) of a brand-new item; 0: age does not matter."
    freshness_half_life_days: PositiveFloat = 7.0
    "An item known for so many days longer gets half of the boost."
    exploration_share: Annotated[float, Field(ge=0.0, le=0.5)] = 0.0
    "Share of these positions that show a new item drawn at random; 0: none."
    exploration_days: PositiveFloat = 7.0
    "An item is new when it has been known for less than so many days."

    @property
    def rearranges(self) -> bool:
        return bool(self.diversity or self.max_per_category or self.freshness_boost)

    @property
    def explores(self) -> bool:
        return self.exploration_share > 0

    @property
    def is_on(self) -> bool:
        return self.rearranges or self.explores
