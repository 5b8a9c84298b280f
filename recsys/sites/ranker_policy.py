"""How the learned ranker is trained."""

from typing import Annotated, Final, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from recsys.types import Frozen

Loss = Literal["YetiRank", "YetiRankPairwise", "LambdaMart", "QuerySoftMax", "PairLogit", "auto"]
Negatives = Literal["random", "mixed", "hard"]
FeatureGroup = Literal[
    "activity",
    "popularity",
    "beginnings",
    "mainstream",
    "price",
    "encounters",
    "category",
    "visit",
    "rhythm",
    "clicks",
    "affinity",
]
"""Groups of features, by what they are about."""
LOOKED_AT: Final[tuple[FeatureGroup, ...]] = (
    "popularity",
    "beginnings",
    "mainstream",
    "price",
    "encounters",
    "category",
)
"""The others found no more of what people then did on the validation windows of two shops."""


class RankerPolicy(Frozen):
    """Loss, size of the model, what it learns from and what it looks at."""

    loss: Loss = "LambdaMart"
    "CatBoost's ranking loss; auto: the best of three on users who are held back."
    iterations: PositiveInt = 100
    "Most trees of a fold."
    learning_rate: PositiveFloat = 0.08
    depth: Annotated[int, Field(ge=2, le=10)] = 4
    prior_weight: NonNegativeFloat = 2.0
    "The trees correct the generators' summed shares times this; 0: they start from nothing."
    folds: PositiveInt = 3
    "Models that are averaged; each leaves a part of the users out to see when to stop. 1: a sixth, once."
    users: PositiveInt = 2000
    "Most users that the ranker learns from, over all label windows, drawn at random."
    negatives_per_user: PositiveInt = 30
    "Candidates without success kept per user in candidates_train."
    negatives: Negatives = "random"
    "Which: random draws from all candidates; hard takes what the generators are most at one about; mixed a fifth so."
    features: tuple[FeatureGroup, ...] = LOOKED_AT
    "Groups of features that it looks at, beside what the generators said and the category."
    calibrate: Literal["isotonic", "platt"] | None = None
    "How scores become probabilities of success; null: they do not."
    seed: NonNegativeInt = 7
