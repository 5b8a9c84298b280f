"""A release's models as MLflow keeps them: they load on any machine that has this library and the server's address.

``models:/<site>-ranker@live`` scores rows as the release did, ``models:/<site>-generators@live`` proposes items as it
did. Files are CatBoost's own, arrays, tables and JSON; MLflow is told which module reads them, so nothing is pickled.
CatBoost alone is enough to look at the ranker's trees: ``mlflow.catboost.load_model``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys import columns as c
from recsys.candidates.generator import CandidateGenerator
from recsys.candidates.pool import candidate_pool, no_pairs
from recsys.candidates.saving import load
from recsys.ranking.ranker import MANIFEST_FILE, MODEL_FILE, Ranker

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import Model

NEEDED: Final = ("catboost", "implicit", "numpy", "pandas", "polars", "pydantic", "scikit-learn", "scipy")
"""Libraries beside this one that a loaded model imports; MLflow notes their versions."""
PROPOSED: Final = 100
"""Items per user and generator, unless ``params={"k": …}`` says otherwise."""


@dataclass(frozen=True)
class RegisteredRanker:
    """The ranker of a release."""

    ranker: Ranker

    def predict(self, rows: "pl.DataFrame | pd.DataFrame", params: Mapping[str, Any] | None = None) -> NDArray[Any]:
        """One score per row of features, float64; comparable within a user only."""
        return self.ranker.score(rows if isinstance(rows, pl.DataFrame) else pl.from_pandas(rows))

    def get_raw_model(self) -> Ranker:
        """What MLflow's ``unwrap`` calls look for."""
        return self.ranker


@dataclass(frozen=True)
class RegisteredGenerators:
    """The generators of a release, fitted on all that it knew."""

    generators: Sequence[CandidateGenerator]

    def predict(self, users: "pd.DataFrame", params: Mapping[str, Any] | None = None) -> "pd.DataFrame":
        """What each generator proposes for the users in column ``user_id``: schema CANDIDATES, also what they have."""
        asked = [str(user) for user in users[c.USER_ID]]
        k = int((params or {}).get(c.K, PROPOSED))
        return candidate_pool(self.generators, asked, k=k, exclude=no_pairs()).to_pandas()

    def get_raw_model(self) -> dict[str, CandidateGenerator]:
        """The generators by kind: to be asked about sessions and items too."""
        return {generator.name: generator for generator in self.generators}


def save_model(path: str, *, mlflow_model: "Model", folder: Path) -> None:
    """Writes what MLflow keeps of the files in ``folder``; it calls this, for this module is a flavor to it."""
    import mlflow

    if not _has_ranker(folder):
        mlflow_model.signature = _of_users()
    mlflow.pyfunc.save_model(
        path,
        loader_module=__name__,
        data_path=str(folder),
        mlflow_model=mlflow_model,
        pip_requirements=[f"{name}=={version(name)}" for name in NEEDED],
    )
    if _has_ranker(folder):
        trees = {"data": f"data/{folder.name}/{MODEL_FILE}", "model_type": "CatBoost", "save_format": "cbm"}
        mlflow_model.add_flavor("catboost", catboost_version=version("catboost"), **trees)
        mlflow_model.save(str(Path(path) / "MLmodel"))


def _load_pyfunc(path: str) -> RegisteredRanker | RegisteredGenerators:
    """The model in ``path``; MLflow calls it by this name."""
    folder = Path(path)
    if _has_ranker(folder):
        return RegisteredRanker(Ranker.load(folder))
    return RegisteredGenerators([load(each) for each in sorted(folder.iterdir())])


def _has_ranker(folder: Path) -> bool:
    return (folder / MANIFEST_FILE).exists()


def _of_users() -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    return ModelSignature(
        inputs=Schema([ColSpec("string", c.USER_ID)]), params=ParamSchema([ParamSpec(c.K, "long", np.int64(PROPOSED))])
    )
