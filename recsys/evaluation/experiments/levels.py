"""How the chance of a wrong decision is shared out among everything that could bring one about."""

from dataclasses import dataclass
from typing import Self

from recsys.sites.experiment import Experiment


@dataclass(frozen=True)
class Levels:
    """Half of an experiment's alpha is for promotions, half for aborts (Bonferroni within each).

    Promotions: the upper side of the metric that decides, once for each challenger. Aborts: its lower side and the
    guardrails, for each challenger, and the split of the users. Together, arms that are equal end in a promotion or an
    abort with a chance of at most alpha.
    """

    interval: float
    "Two-sided level of the intervals shown; a promotion needs their lower end."
    abort: float
    "Two-sided level of the bounds that abort; each uses one of its sides."
    split: float
    "p-value below which the split is not what was declared."

    @classmethod
    def of(cls, experiment: Experiment) -> Self:
        """Those of an experiment."""
        challengers, ways = len(experiment.challengers), len(experiment.guardrails) + 2
        return cls(
            interval=experiment.alpha / challengers,
            abort=experiment.alpha / (challengers * ways),
            split=experiment.alpha / (2 * ways),
        )
