"""What a site tunes: which parameters, over which values, judged by what."""

from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator, model_validator

from recsys.types import Frozen

Number = int | float


class TunedPart(Frozen):
    """The parameters of one generator, or of the ranker, that are varied; all combinations make the grid."""

    tune_params: tuple[str, ...] = Field(min_length=1)
    "Names of parameters."
    tune_ranges: tuple[tuple[Number, ...], ...]
    "For each parameter [start, stop, step]: start, start + step, … below stop. Whole numbers stay whole."

    @field_validator("tune_ranges")
    @classmethod
    def _each_is_a_range(cls, ranges: tuple[tuple[Number, ...], ...]) -> tuple[tuple[Number, ...], ...]:
        for found in ranges:
            if len(found) != 3 or found[2] <= 0 or found[0] >= found[1]:
                raise ValueError(f"found {list(found)}, expected [start, stop, step] with start < stop and step > 0")
        return ranges

    @model_validator(mode="after")
    def _one_range_each(self) -> "TunedPart":
        if len(self.tune_params) != len(self.tune_ranges) or len(set(self.tune_params)) != len(self.tune_params):
            raise ValueError(
                f"found {len(self.tune_params)} tune_params and {len(self.tune_ranges)} tune_ranges, "
                "expected each parameter once with one range"
            )
        return self


class TuningPolicy(Frozen):
    """How ``recsys tune`` searches."""

    method: Literal["tpe", "grid"] = "tpe"
    "tpe: a sequential search by Optuna; grid: every combination."
    objective: str = Field(default="mrr@10", pattern=r"^(recall|precision|hit_rate|ndcg|mrr|map)@(10|20)$")
    "What is made as large as possible for recommendations, on windows before the evaluation window."
    trials: PositiveInt = 30
    "Combinations tried per part by tpe, the site's own parameters first; of a grid all are tried."
    windows: PositiveInt = 2
    "Validation windows of evaluation_days each, of predictors a fifth of their rows; one bad on the first is pruned."
    parts: dict[str, TunedPart] = Field(default_factory=dict)
    "What is varied, by kind of generator or ranker; a part left out has the ranges that ship with it."
    use_winner: bool = True
    "The best parameters found are used from the next training on; false: they are only reported."
    seed: NonNegativeInt = 7
    "Seed of the search."
