"""A contest of probabilities: the lower log-loss is the better one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsys.predictors.gate import Decision, Measure, decide
from recsys.predictors.quality import Labels, Probabilities, ProbabilityQuality, probability_quality, row_log_loss
from recsys.predictors.seen import SeenRows
from recsys.serving.predicting.clicks import ClickProbability
from recsys.serving.predicting.intent import PurchaseIntent

BASE_RATE: Final = "base rate"
LOG_LOSS: Final = Measure("log-loss", "lower")


@dataclass(frozen=True)
class ProbabilityContest:
    """What a model and its rivals said of the same rows."""

    model: PurchaseIntent | ClickProbability
    learned: int
    "Rows that the trees learned from."
    labels: Labels
    said: Mapping[str, Probabilities]
    "By contestant: model, base rate, other baselines; live, where what is live looks at what there still is."
    groups: NDArray[np.int64]
    "Rows of one group are not independent."
    seen: SeenRows | None
    "What the model saw of these rows; None: they are not the site's own."

    def decide(self) -> Decision:
        """Surely below the base rate, and not surely above any other."""
        losses = {name: row_log_loss(self.labels, each) for name, each in self.said.items()}
        return decide(losses, self.groups, measure=LOG_LOSS, floor=BASE_RATE)

    def quality(self) -> dict[str, ProbabilityQuality]:
        """By contestant."""
        threshold = self.model.scorer.threshold
        return {name: probability_quality(self.labels, each, threshold=threshold) for name, each in self.said.items()}
