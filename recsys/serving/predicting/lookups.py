"""Tables that turn texts into numbers: counts, frequencies, rates, hashed crosses. Fitted elsewhere, looked up here."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recsys.serving.predicting.coded import Coded, crossed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Arrays = dict[str, "NDArray[Any]"]


@dataclass(frozen=True)
class Lookup:
    """One feature: a number for the text of one column, or of several together."""

    name: str
    columns: tuple[str, ...]
    buckets: int | None
    "How many buckets the text is hashed into; None: it is looked up itself."
    table: Mapping[str, float]
    otherwise: float
    "The number of a text that the table has not."

    def of(self, columns: Mapping[str, Coded]) -> "NDArray[np.float64]":
        """The feature of each row."""
        return keys(columns, self.columns, self.buckets).looked_up(self.table, self.otherwise)

    def to_state(self) -> tuple[dict[str, Any], Arrays]:
        """As JSON and arrays: the texts are UTF-8 of a JSON list."""
        import numpy as np

        told = {
            "name": self.name,
            "columns": self.columns,
            "buckets": self.buckets,
            "otherwise": self.otherwise,
        }
        texts = np.frombuffer(json.dumps(list(self.table), ensure_ascii=False).encode(), dtype=np.uint8)
        return told, {"texts": texts, "numbers": np.array(list(self.table.values()), dtype=np.float64)}

    @classmethod
    def from_state(cls, told: Mapping[str, Any], arrays: Mapping[str, "NDArray[Any]"]) -> "Lookup":
        """What ``to_state`` gave."""
        texts = json.loads(arrays["texts"].tobytes())
        table = dict(zip(texts, arrays["numbers"].tolist(), strict=True))
        return cls(told["name"], tuple(told["columns"]), told["buckets"], table, told["otherwise"])


def keys(columns: Mapping[str, Coded], names: Sequence[str], buckets: int | None) -> Coded:
    """What is looked up: the text of the named columns, hashed where ``buckets`` says so."""
    texts = crossed([columns[name] for name in names])
    return texts if buckets is None else texts.hashed(buckets)
