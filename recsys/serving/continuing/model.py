"""The next items of a session, as a model is trained, judged and served."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from recsys.errors import ReleaseError
from recsys.serving.continuing.best import best_first, settled
from recsys.serving.continuing.kinds import SCORERS
from recsys.serving.continuing.scorer import SessionScorer
from recsys.serving.model_files import require_files, version_of
from recsys.types import ItemId

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MODEL_FILE: Final = "next_items.json"
ITEMS_FILE: Final = "items.json"
SAVED: Final = "saved next items; train them again"
"""What a folder of a model should be."""
LONGEST: Final = 50
"""Items of a session, the newest known ones, that are looked at."""
REASONS: Final = 2


class NextItem(NamedTuple):
    """One item that may come next."""

    item_id: ItemId
    score: float
    because: tuple[ItemId, ...]
    "Items of the session that speak for it, the strongest first, at most two; maybe none."


def everything(item_id: ItemId) -> bool:
    """Every item may be shown."""
    return True


class NextItems:
    """A fitted model of how sessions go on, whatever its kind.

    Attributes:
        items: ids, sorted; the scorer's columns are their places.
        version: 16 hexadecimal digits over the model's files; empty before they are saved.
    """

    def __init__(self, items: Sequence[ItemId], scorer: SessionScorer) -> None:
        self.items = tuple(items)
        self.scorer = scorer
        self.version = ""
        self._column = {item: column for column, item in enumerate(self.items)}

    @property
    def kind(self) -> str:
        return self.scorer.kind

    def continue_session(
        self,
        items: Sequence[ItemId],
        *,
        k: int,
        may_be_shown: Callable[[ItemId], bool] = everything,
        repeats: bool = False,
    ) -> list[NextItem]:
        """At most ``k`` items that may come next, best first; of equal scores the lower id.

        No item comes twice. Fewer than ``k``: there is no evidence for more. None: no item of the session is known.

        Args:
            items: of the session, oldest first; those that the model does not know are skipped.
            k: how many are asked for.
            may_be_shown: asked of the best first, until there are ``k``.
            repeats: whether items of the session may come again.
        """
        import numpy as np

        session = np.array([self._column[item] for item in items if item in self._column], dtype=np.int64)
        if not len(session) or k < 1:
            return []
        columns, scores = self.scorer.score(session[-LONGEST:])
        own = set() if repeats else set(session.tolist())
        chosen: list[tuple[int, float]] = []
        for column, score in best_first(columns, settled(scores), at_once=k + len(own)):
            if column not in own and may_be_shown(self.items[column]):
                chosen.append((column, score))
                if len(chosen) == k:
                    break
        return self._told(session[-LONGEST:], chosen)

    def save(self, folder: Path) -> str:
        """Writes the model's files into ``folder``, made when absent; its version."""
        import numpy as np

        folder.mkdir(parents=True, exist_ok=True)
        arrays = self.scorer.arrays()
        told = {"kind": self.kind, "told": self.scorer.told(), "arrays": sorted(arrays)}
        (folder / MODEL_FILE).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        (folder / ITEMS_FILE).write_text(json.dumps(self.items, ensure_ascii=False) + "\n", encoding="utf-8")
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
        self.version = version_of(folder, _names(arrays))
        return self.version

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model saved in ``folder``; its arrays stay in their files, which processes of one host share.

        Raises:
            ReleaseError: a file is missing, or no scorer of its kind is known.
        """
        import numpy as np

        require_files(folder, (MODEL_FILE, ITEMS_FILE), expected=SAVED)
        told = json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))
        require_files(folder, _names(told["arrays"]), expected=SAVED)
        if told["kind"] not in SCORERS:
            raise ReleaseError(
                f"{folder}: found next items of kind {told['kind']!r}, expected one of {', '.join(sorted(SCORERS))}; "
                "it was trained by another version: train it again"
            )
        arrays = {name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in told["arrays"]}
        items = json.loads((folder / ITEMS_FILE).read_text(encoding="utf-8"))
        model = cls(items, SCORERS[told["kind"]].of(arrays, told["told"]))
        model.version = version_of(folder, _names(arrays))
        return model

    def _told(self, session: "NDArray[np.int64]", chosen: Sequence[tuple[int, float]]) -> list[NextItem]:
        import numpy as np

        columns = np.array([column for column, _ in chosen], dtype=np.int64)
        reasons = self.scorer.because(session, columns)
        return [
            NextItem(self.items[column], score, tuple(self.items[each] for each in why[:REASONS]))
            for (column, score), why in zip(chosen, reasons, strict=True)
        ]


def _names(arrays: Iterable[str]) -> tuple[str, ...]:
    """The model's files."""
    return (MODEL_FILE, ITEMS_FILE, *(f"{name}.npy" for name in arrays))
