"""The ranker of one release, ready to score candidates of a user on this host."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from catboost import CatBoost, CatBoostError, FeaturesData
from numpy.typing import NDArray

from recsys import columns as c
from recsys.errors import StoreError
from recsys.serving.reading import ScoredItems
from recsys.serving.scoring.again import Heard, after
from recsys.serving.scoring.arrays import KINDS, open_arrays
from recsys.serving.scoring.form import FORM, MODEL, RANKER, Form
from recsys.serving.scoring.rows import Items, Known, Numbers, Rows, User, Values, or_zero
from recsys.serving.snapshot.snapshot import hash_of
from recsys.types import ItemId, UserId

NEVER: Final = -np.inf
KEPT: Final = 50_000
"""Items whose number a worker keeps at hand."""
Told: TypeAlias = tuple[ItemId, float, ScoredItems]
"""An item that the user did something with, the weight of that, and the item's neighbours."""


class Scorer:
    """Scores as ``Ranker.score`` does, from the parts in one folder. Reading and scoring change nothing."""

    def __init__(self, folder: Path) -> None:
        """Opens and checks the folder.

        Raises:
            StoreError: a file is missing, cut or changed, or is no model.
            FeatureMismatch: the ranker was trained on other features than the parts hold.
        """
        self._arrays = open_arrays(folder)
        self.form, ranker = _described(folder)
        model = (folder / MODEL).read_bytes()
        if hashlib.sha256(model).hexdigest() != self.form.model_sha256:
            raise StoreError(f"{folder.name}: found another {MODEL} than the release was made with; build it again")
        try:
            self._model = CatBoost().load_model(blob=model)
        except CatBoostError as fault:
            raise StoreError(f"{folder.name}: found no model in {MODEL}: {fault}") from fault
        numeric = [name for name in ranker["features"]["names"] if name not in ranker["features"]["categorical"]]
        self._rows = Rows(self.form, numeric)
        self._shares = [place for place, name in enumerate(numeric) if name.endswith(c.source_share(""))]
        self._prior_weight: float = ranker["policy"]["prior_weight"]
        self._words = np.array([category.encode() for category in self.form.categories], dtype=object)
        self._items = Items(
            self._arrays["item_facts"].reshape(-1, len(self.form.items)),
            self._arrays["item_categories"],
        )
        self._number: Callable[[ItemId], int] = lru_cache(KEPT)(partial(self._find, "item"))

    def scores(self, user_id: UserId, items: Sequence[ItemId], told: Sequence[Told] = ()) -> NDArray[np.float64] | None:
        """One number per item, higher is shown earlier; -inf for an item that the release does not know.

        ``told``: what the user did since. None for a user of whom the release knows nothing.
        """
        numbers = self._numbers(items)
        scores, known = np.full(len(items), NEVER), np.flatnonzero(numbers >= 0)
        rows = self._rows_of(user_id, numbers[known], told)
        if rows is None:
            return None
        if len(known):
            scores[known] = self._scored(rows, self._items.categories[numbers[known]])
        return scores

    def rows(self, user_id: UserId, items: Sequence[ItemId], told: Sequence[Told] = ()) -> Values | None:
        """The numeric features of items of the release, in the ranker's order; None as with ``scores``."""
        return self._rows_of(user_id, self._numbers(items), told)

    def _rows_of(self, user_id: UserId, numbers: Numbers, told: Sequence[Told]) -> Values | None:
        user = self._user(user_id)
        if user is None:
            return None
        heard = [event for event in map(self._heard, told) if event is not None]
        return self._rows.of(after(self.form, user, heard), self._items, numbers)

    def _heard(self, told: Told) -> Heard | None:
        """The event in numbers; None for an item that the release does not know."""
        item_id, weight, similar = told
        item, neighbours = self._number(item_id), self._numbers(similar.item_ids)
        if item < 0:
            return None
        known = neighbours >= 0
        similarities = np.array(similar.scores, dtype=np.float64)[known]
        return Heard(item, int(self._items.categories[item]), weight, neighbours[known], similarities)

    def _scored(self, rows: Values, categories: Numbers) -> NDArray[np.float64]:
        prior = np.zeros(len(rows))
        for place in self._shares:
            prior += or_zero(rows[:, place].astype(np.float64))
        words = self._words[categories][:, None]
        table = FeaturesData(num_feature_data=rows, cat_feature_data=words)
        corrections: NDArray[np.float64] = self._model.predict(table, thread_count=1)
        return self._prior_weight * prior + corrections

    def _user(self, user_id: UserId) -> User | None:
        row = self._find("user", user_id)
        if row < 0:
            return None
        width = len(self.form.users)
        known = {kind: self._known(kind, row) for kind in KINDS}
        return User(self._arrays["user_facts"][row * width : (row + 1) * width], **known)

    def _known(self, kind: str, row: int) -> Known:
        start, end = (int(place) for place in self._arrays[f"{kind}_at"][row : row + 2])
        width = len(getattr(self.form, kind))
        values = self._arrays[kind][start * width : end * width].reshape(-1, width)
        return Known(self._arrays[c.keys_of(kind)][start:end], values)

    def _numbers(self, items: Iterable[ItemId]) -> Numbers:
        return np.fromiter(map(self._number, items), np.int64)

    def _find(self, kind: str, identifier: str) -> int:
        """The number of an id; -1 for one that is not in the release."""
        hashes, wanted = self._arrays[f"{kind}_hashes"], np.uint64(hash_of(identifier))
        place = int(np.searchsorted(hashes, wanted))
        found = place < len(hashes) and hashes[place] == wanted
        return int(self._arrays[f"hashed_{kind}s"][place]) if found else -1


def _described(folder: Path) -> tuple[Form, dict[str, Any]]:
    try:
        form = Form.model_validate_json((folder / FORM).read_bytes())
        ranker = json.loads((folder / RANKER).read_bytes())
        form.require(ranker)
    except (ValueError, KeyError) as fault:
        raise StoreError(
            f"{folder.name}: found {FORM} or {RANKER} of another version ({fault}), expected this one's; train again"
        ) from fault
    return form, ranker
