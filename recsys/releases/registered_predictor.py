"""A predictor as MLflow keeps it: ``models:/<site>-intent@live`` answers as the web service does.

MLflow is told that this module reads the files, and of which surface they are, so nothing is pickled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from recsys import columns as c
from recsys.serving.contracts import Surface
from recsys.serving.predicting.session import SessionEvent
from recsys.serving.predictor_models import LOADERS

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import Model

NEEDED: Final = ("catboost", "numpy", "polars", "pydantic")
"""Libraries beside this one that a loaded model imports; MLflow notes their versions."""
SURFACE: Final = "surface"
SESSION: Final = "session"
"""The column of what a purchase intent is asked, named as the API's parameter."""
NEXT: Final = 20
"""Next items of a session, unless ``params={"k": …}`` says otherwise."""


@dataclass(frozen=True)
class RegisteredPredictor:
    """The model of a predictor's release."""

    surface: Surface
    model: Any

    def predict(self, rows: "pl.DataFrame | pd.DataFrame", params: Mapping[str, Any] | None = None) -> Sequence[Any]:
        """One answer per row, as the API gives it.

        Args:
            rows: for intent, event types with commas between them in column ``session``; for session, ids of items in
                column ``items``, the same way; for ctr, raw rows.
            params: ``k``, how many items come next.

        Returns:
            Probabilities, float64; for session, ids, the best first.
        """
        table = rows if isinstance(rows, pl.DataFrame) else pl.from_pandas(rows)
        match self.surface:
            case "intent":
                sessions = [[SessionEvent(each) for each in said.split(",") if each] for said in table[SESSION]]
                return self.model.predict(sessions)  # type: ignore[no-any-return]
            case "session":
                k = int((params or {}).get(c.K, NEXT))
                found = (self.model.continue_session(said.split(","), k=k) for said in table[c.ITEMS])
                return [[item.item_id for item in each] for each in found]
            case _:
                return self.model.predict(table.to_dicts())  # type: ignore[no-any-return]

    def get_raw_model(self) -> Any:
        """What MLflow's ``unwrap`` calls look for."""
        return self.model


def save_model(path: str, *, mlflow_model: "Model", folder: Path, surface: Surface) -> None:
    """Writes what MLflow keeps of the files in ``folder``; it calls this, for this module is a flavor to it."""
    import mlflow

    mlflow.pyfunc.save_model(
        path,
        loader_module=__name__,
        data_path=str(folder),
        mlflow_model=mlflow_model,
        model_config={SURFACE: surface},
        pip_requirements=[f"{name}=={version(name)}" for name in NEEDED],
    )


def _load_pyfunc(path: str, told: Mapping[str, Any]) -> RegisteredPredictor:
    """The model in ``path``; MLflow calls it by this name."""
    surface: Surface = told[SURFACE]
    return RegisteredPredictor(surface, LOADERS[surface](Path(path)))
