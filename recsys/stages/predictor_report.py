"""What a training of a predictor says of itself, in the release, in MLflow and to whoever started it."""

from typing import Literal

from pydantic import AwareDatetime, SerializeAsAny, computed_field

from recsys.predictors.contest import Quality
from recsys.predictors.curves import Curves
from recsys.predictors.gate import Decision
from recsys.types import Frozen, ReleaseId, SiteId

Predictor = Literal["intent", "ctr", "session"]


class PredictorReport(Frozen):
    """What was trained, and what became of it."""

    site: SiteId
    surface: Predictor
    release_id: ReleaseId
    as_of: AwareDatetime
    state: str
    """live, or refused; gated where it waits for a person; retired where the same model was live before and another is
    now."""
    decision: Decision
    learned_rows: int
    quality: dict[str, SerializeAsAny[Quality]]
    "By contestant, on the same later rows; empty where nothing was trained."
    model_version: str
    mlflow_run_id: str
    page: str = ""
    "Where its run is shown."
    unchanged: bool = False
    "The last training was of the same log, configuration and code: nothing was trained, and this is what became of it."

    @computed_field  # type: ignore[prop-decorator]  # pydantic's way
    @property
    def accepted(self) -> bool:
        """What the gate says."""
        return self.decision.accepted

    @computed_field  # type: ignore[prop-decorator]
    @property
    def reason(self) -> str:
        """Why."""
        return self.decision.reason

    def metrics(self) -> dict[str, float]:
        """Final values by contestant and name, as a run in MLflow has them."""
        return {
            f"{name.replace(' ', '_')}.{metric}": value
            for name, quality in self.quality.items()
            for metric, value in quality.metrics().items()
        }

    def curves(self) -> Curves:
        """The figure of all contestants."""
        kind = type(next(iter(self.quality.values())))
        return kind.curves(self.quality)
