"""A contest of next items: the higher reciprocal rank is the better one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from recsys.predictors.gate import MODEL, Decision, Measure, decide
from recsys.predictors.session.judging import Judged, SessionQuality
from recsys.predictors.session.training import POPULAR
from recsys.serving.continuing.model import NextItems

RECIPROCAL_RANK: Final = Measure("reciprocal rank", "higher")


@dataclass(frozen=True)
class SessionContest:
    """What a model and its rivals answered to the same cases."""

    model: NextItems
    learned: int
    "Sessions that were learned from."
    judged: Mapping[str, Judged]
    "By contestant: model, popularity, other baselines; live, where what is live can still be asked."
    seen: None = None
    "Nothing: sessions of items have no features that could be compared with later ones."

    def decide(self) -> Decision:
        """Surely above popularity, and not surely below any other; the cases of one session count as one."""
        achieved = {name: each.reciprocal_ranks for name, each in self.judged.items()}
        return decide(achieved, self.judged[MODEL].groups, measure=RECIPROCAL_RANK, floor=POPULAR)

    def quality(self) -> dict[str, SessionQuality]:
        """By contestant."""
        return {name: each.quality for name, each in self.judged.items()}
