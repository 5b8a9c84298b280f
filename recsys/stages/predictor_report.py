"""What a training of a predictor says of itself, in the release, in MLflow and to whoever started it."""

from typing import Literal

from pydantic import AwareDatetime

from recsys.predictors.gate import Decision
from recsys.predictors.quality import ProbabilityQuality
from recsys.releases.predictor_tracking import Point
from recsys.types import Frozen, ReleaseId, SiteId

Predictor = Literal["intent", "ctr"]


class PredictorReport(Frozen):
    """What was trained, and what became of it."""

    site: SiteId
    surface: Predictor
    release_id: ReleaseId
    as_of: AwareDatetime
    state: str
    "live, or refused; retired where the same model was live before and another is now."
    decision: Decision
    learned_rows: int
    quality: dict[str, ProbabilityQuality]
    "By contestant, on the same later rows."
    model_version: str
    mlflow_run_id: str

    def metrics(self) -> dict[str, float]:
        """Final values by contestant and name, as a run in MLflow has them; those that nothing defines are left out."""
        return {
            f"{name.replace(' ', '_')}.{metric}": value
            for name, quality in self.quality.items()
            for metric, value in quality.model_dump(exclude={"curve"}).items()
            if value is not None
        }

    def curves(self) -> dict[str, list[Point]]:
        """Mean probability and share of successes, bin by bin, by contestant."""
        return {name: [(each.predicted, each.observed) for each in of.curve] for name, of in self.quality.items()}
