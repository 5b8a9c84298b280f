"""Trees and a linear score beside them, perhaps calibrated: numbers in, probabilities out, no frame in between."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from recsys.errors import FeatureMismatch
from recsys.serving.model_files import require_files, version_of
from recsys.serving.predicting.calibration import Calibration
from recsys.serving.predicting.linear import Mixture

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from catboost import CatBoost
    from numpy.typing import NDArray

MODEL_FILE: Final = "model.cbm"
MANIFEST_FILE: Final = "predictor.json"
SAVED: Final = "a saved predictor; train it again"
"""What a folder of a predictor should be."""
AT_ONCE: Final = 512
"""Rows from which on two threads are worth their start."""


class Scorer:
    """Trees that end in a probability.

    Attributes:
        features: names of the table's columns, in order.
        mixture: of the trees' score and a linear one.
        calibration: what becomes of the mixed log-odds; None: they are taken as they are.
        threshold: the probability from which on a row is taken for a success, where a yes or no is asked for.
        told: what the predictor itself wants to remember beside the model: JSON.
        version: 16 hexadecimal digits over the model's files; empty before they are saved.
    """

    remembers: Final = False

    def __init__(
        self,
        model: "CatBoost",
        *,
        features: "Sequence[str]",
        mixture: Mixture,
        calibration: Calibration | None,
        threshold: float,
        told: dict[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.features = tuple(features)
        self.calibration = calibration
        self.threshold = threshold
        self.mixture = mixture
        self.told = told or {}
        self.version = ""

    def predict(self, table: "NDArray[np.float32]") -> "NDArray[np.float64]":
        """One probability per row of ``table``, float32, shape (rows, features); rows do not know each other.

        Raises:
            FeatureMismatch: another number of columns.
        """
        import numpy as np

        if table.ndim != 2 or table.shape[1] != len(self.features):
            raise FeatureMismatch(
                f"found a table of shape {table.shape}, expected (rows, {len(self.features)}): the features that the "
                "model was trained on"
            )
        if not len(table):
            return np.empty(0)
        trees: NDArray[np.float64] = self.model.predict(table, thread_count=2 if len(table) >= AT_ONCE else 1)
        return probability(self.mixture.score(table, trees), self.calibration)

    def along(self, table: "NDArray[np.float32]", session: "NDArray[np.int64]") -> "NDArray[np.float64]":
        """As ``predict``: a row says all there is to know of its session."""
        return self.predict(table)

    def save(self, folder: Path, *, beside: "Sequence[str]" = ()) -> str:
        """Writes ``model.cbm`` and ``predictor.json`` into ``folder``, made when absent; the version.

        Args:
            folder: may hold other files too.
            beside: names of files there that belong to the model as well.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.model.save_model(str(folder / MODEL_FILE))
        manifest = {
            "features": self.features,
            "mixture": self.mixture.model_dump(mode="json"),
            "calibration": self.calibration.model_dump(mode="json") if self.calibration else None,
            "threshold": self.threshold,
            "told": self.told,
        }
        (folder / MANIFEST_FILE).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        self.version = version_of(folder, (*beside, MODEL_FILE, MANIFEST_FILE))
        return self.version

    @classmethod
    def load(cls, folder: Path, *, beside: "Sequence[str]" = ()) -> Self:
        """The scorer saved in ``folder``, with the same files ``beside``.

        Raises:
            ReleaseError: a file is missing.
        """
        from catboost import CatBoost

        require_files(folder, (*beside, MODEL_FILE, MANIFEST_FILE), expected=SAVED)
        manifest = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
        scorer = cls(
            CatBoost().load_model(str(folder / MODEL_FILE)),
            features=manifest["features"],
            mixture=Mixture.model_validate(manifest["mixture"]),
            calibration=Calibration.model_validate(manifest["calibration"]) if manifest["calibration"] else None,
            threshold=manifest["threshold"],
            told=manifest["told"],
        )
        scorer.version = version_of(folder, (*beside, MODEL_FILE, MANIFEST_FILE))
        return scorer


def probability(log_odds: "NDArray[np.float64]", calibration: Calibration | None) -> "NDArray[np.float64]":
    """The probabilities of these log-odds, through a calibration where there is one."""
    import numpy as np

    if calibration is not None:
        return calibration.probability(log_odds)
    found: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(log_odds, -30.0, 30.0)))
    return found
