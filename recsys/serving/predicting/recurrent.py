"""A recurrent network that reads a session event by event, with numpy alone: it is trained elsewhere."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from recsys.errors import FeatureMismatch
from recsys.serving.model_files import require_files, version_of
from recsys.serving.predicting import gru
from recsys.serving.predicting.calibration import Calibration
from recsys.serving.predicting.scorer import MANIFEST_FILE, SAVED, probability
from recsys.serving.predicting.step_inputs import StepInputs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NETWORK_FILE: Final = "network.npz"
AT_ONCE: Final = 1024
"""Sessions that are read side by side."""


class Recurrent:
    """A gated recurrent unit that ends in a probability after each event.

    Attributes:
        inputs: from the features after an event to what the network is told of it.
        weights: of ``gru``, float32 by name.
        calibration: what becomes of its log-odds; None: they are taken as they are.
        threshold: the probability from which on a session is taken for a success.
        told: what the predictor itself wants to remember beside the model: JSON.
        version: 16 hexadecimal digits over the model's files; empty before they are saved.
    """

    remembers: Final = True

    def __init__(
        self,
        inputs: StepInputs,
        weights: "dict[str, NDArray[np.float32]]",
        *,
        calibration: Calibration | None,
        threshold: float,
        told: dict[str, Any] | None = None,
    ) -> None:
        self.inputs = inputs
        self.weights = weights
        self.features = inputs.features
        self.calibration = calibration
        self.threshold = threshold
        self.told = told or {}
        self.version = ""

    def along(self, table: "NDArray[np.float32]", session: "NDArray[np.int64]") -> "NDArray[np.float64]":
        """One probability per row: of a session's events up to this one.

        Args:
            table: the features after every event, float32, shape (rows, features), session after session.
            session: of which session each row is.

        Raises:
            FeatureMismatch: another number of columns.
        """
        return probability(self.log_odds(table, session), self.calibration)

    def log_odds(self, table: "NDArray[np.float32]", session: "NDArray[np.int64]") -> "NDArray[np.float64]":
        """As ``along``, before calibration."""
        import numpy as np

        if table.ndim != 2 or table.shape[1] != len(self.features):
            raise FeatureMismatch(
                f"found a table of shape {table.shape}, expected (rows, {len(self.features)}): the features that the "
                "model was trained on"
            )
        said = np.empty(len(table))
        starts = np.flatnonzero(np.diff(session, prepend=-1))
        lengths = np.diff(starts, append=len(table))
        for first in range(0, len(starts), AT_ONCE):
            part = slice(first, first + AT_ONCE)
            begin, end = int(starts[part][0]), int(starts[part][-1] + lengths[part][-1])
            said[begin:end] = self._read(table[begin:end], starts[part] - begin, lengths[part])
        return said

    def _read(
        self, table: "NDArray[np.float32]", starts: "NDArray[np.int64]", lengths: "NDArray[np.int64]"
    ) -> "NDArray[np.float64]":
        """The longest sessions first, so that those that still go on are the first ones."""
        import numpy as np

        inputs, said = self.inputs(table), np.empty(len(table))
        order = np.argsort(-lengths, kind="stable")
        starts, lengths = starts[order], lengths[order]
        state = np.zeros((len(starts), len(self.weights["read"])))
        for place in range(int(lengths[0])):
            going = int(np.searchsorted(-lengths, -place))
            rows = starts[:going] + place
            state = gru.after(np, self.weights, inputs[rows], state[:going])
            said[rows] = gru.log_odds(self.weights, inputs[rows], state)
        return said

    def save(self, folder: Path) -> str:
        """Writes ``network.npz`` and ``predictor.json`` into ``folder``, made when absent; the version."""
        import numpy as np

        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / NETWORK_FILE, **self.weights)  # type: ignore[arg-type]  # numpy's stub: allow_pickle
        manifest = {
            "inputs": self.inputs.model_dump(mode="json"),
            "calibration": self.calibration.model_dump(mode="json") if self.calibration else None,
            "threshold": self.threshold,
            "told": self.told,
        }
        (folder / MANIFEST_FILE).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        self.version = version_of(folder, (NETWORK_FILE, MANIFEST_FILE))
        return self.version

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The network saved in ``folder``.

        Raises:
            ReleaseError: a file is missing.
        """
        import numpy as np

        files = (NETWORK_FILE, MANIFEST_FILE)
        require_files(folder, files, expected=SAVED)
        manifest = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
        with np.load(folder / NETWORK_FILE, allow_pickle=False) as arrays:
            weights = {name: arrays[name] for name in arrays.files}
        found = cls(
            StepInputs.model_validate(manifest["inputs"]),
            weights,
            calibration=Calibration.model_validate(manifest["calibration"]) if manifest["calibration"] else None,
            threshold=manifest["threshold"],
            told=manifest["told"],
        )
        found.version = version_of(folder, files)
        return found
