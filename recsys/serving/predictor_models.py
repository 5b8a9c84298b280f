"""The kinds of predictors, by the surface that each answers for, and how the files of each become a model.

Numpy and CatBoost are imported with the first model.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from recsys.serving.contracts import Surface

if TYPE_CHECKING:
    from recsys.serving.continuing.model import NextItems
    from recsys.serving.predicting.clicks import ClickProbability
    from recsys.serving.predicting.intent import PurchaseIntent


def _intent(folder: Path) -> "PurchaseIntent":
    from recsys.serving.predicting.intent import PurchaseIntent

    return PurchaseIntent.load(folder)


def _ctr(folder: Path) -> "ClickProbability":
    from recsys.serving.predicting.clicks import ClickProbability

    return ClickProbability.load(folder)


def _session(folder: Path) -> "NextItems":
    from recsys.serving.continuing.model import NextItems

    return NextItems.load(folder)


LOADERS: Final[Mapping[Surface, Callable[[Path], Any]]] = {"intent": _intent, "ctr": _ctr, "session": _session}
"""Each raises ReleaseError where a file is missing, and FeatureMismatch where another version trained the model."""
