"""How likely an impression is to be clicked, from its raw row."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from recsys.errors import FeatureMismatch
from recsys.serving.predicting.lookups import Lookup
from recsys.serving.predicting.rows import RowEncoder, RowReader
from recsys.serving.predicting.scorer import Scorer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TABLES_FILE: Final = "tables.npz"
ENCODERS_FILE: Final = "encoders.json"
BESIDE: Final = (ENCODERS_FILE, TABLES_FILE)


class ClickProbability:
    """A fitted model of click probability, as it is trained, judged and served."""

    def __init__(self, reader: RowReader, encoder: RowEncoder, scorer: Scorer) -> None:
        if scorer.features != encoder.names:
            raise FeatureMismatch(
                f"found encoders of {list(encoder.names)}, expected {list(scorer.features)}: what the model was "
                "trained on; train the predictor again"
            )
        self.reader = reader
        self.encoder = encoder
        self.scorer = scorer

    def predict(self, rows: Sequence[Mapping[str, Any]]) -> "NDArray[np.float64]":
        """One probability, in [0, 1], per raw row; rows do not know each other.

        Args:
            rows: with the columns that the model was trained on; a value may be null, or one never seen.

        Raises:
            MissingColumns: with the columns that some row has not.
        """
        import numpy as np

        return self.scorer.predict(self.table(rows)) if rows else np.empty(0)

    def table(self, rows: Sequence[Mapping[str, Any]]) -> "NDArray[np.float32]":
        """The features of these rows, at least one; float32, shape (rows, features)."""
        return self.encoder.table(self.reader.read(rows))

    @property
    def columns(self) -> tuple[str, ...]:
        """What every row must have."""
        return self.reader.columns

    @property
    def version(self) -> str:
        return self.scorer.version

    def save(self, folder: Path) -> str:
        """Writes the model's files into ``folder``, made when absent; its version."""
        import numpy as np

        folder.mkdir(parents=True, exist_ok=True)
        states = [lookup.to_state() for lookup in self.encoder.lookups]
        told = {
            "columns": self.reader.columns,
            "time": self.reader.time,
            "time_format": self.reader.time_format,
            "salt": self.reader.salt.hex(),
            "numbers": self.encoder.numbers,
            "lookups": [each for each, _ in states],
        }
        (folder / ENCODERS_FILE).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        arrays = {f"{n}.{name}": array for n, (_, found) in enumerate(states) for name, array in found.items()}
        np.savez_compressed(folder / TABLES_FILE, **arrays)  # type: ignore[arg-type]  # numpy's stub: allow_pickle
        return self.scorer.save(folder, beside=BESIDE)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model saved in ``folder``.

        Raises:
            ReleaseError: a file is missing.
            FeatureMismatch: it was trained by a version of this library whose tables name users.
        """
        import numpy as np

        scorer = Scorer.load(folder, beside=BESIDE)
        told = json.loads((folder / ENCODERS_FILE).read_text(encoding="utf-8"))
        if "salt" not in told:
            raise FeatureMismatch(
                "found tables with the ids of users, expected hashes of them; train the predictor again"
            )
        with np.load(folder / TABLES_FILE, allow_pickle=False) as arrays:
            lookups = tuple(
                Lookup.from_state(each, {name: arrays[f"{n}.{name}"] for name in ("texts", "numbers")})
                for n, each in enumerate(told["lookups"])
            )
        reader = RowReader(tuple(told["columns"]), told["time"], told["time_format"], bytes.fromhex(told["salt"]))
        return cls(reader, RowEncoder(tuple(told["numbers"]), lookups), scorer)
