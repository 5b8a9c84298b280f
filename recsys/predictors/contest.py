"""A fitted predictor beside its rivals, on rows that came later: what a gate and a report are made of."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, Self

from recsys.predictors.curves import Curves
from recsys.predictors.gate import Decision
from recsys.predictors.seen import SeenRows
from recsys.types import Frozen


class Saved(Protocol):
    """A model that answers from files."""

    def save(self, folder: Path) -> str:
        """The files are in ``folder``; the version, a hash over them."""
        ...


class Quality(Frozen):
    """How good one contestant is; each kind of prediction has metrics of its own."""

    def metrics(self) -> dict[str, float]:
        """By name; those that nothing defines are left out."""
        raise NotImplementedError

    @classmethod
    def curves(cls, contestants: Mapping[str, Self]) -> Curves:
        """The figure that shows them beside each other."""
        raise NotImplementedError


class Contest(Protocol):
    """A fitted model, and what it and its rivals achieve on the same later rows."""

    @property
    def model(self) -> Saved: ...

    @property
    def learned(self) -> int:
        """Rows that the model learned from."""
        ...

    @property
    def seen(self) -> SeenRows | None:
        """Those later rows, for later ones to be compared with; None: they are of another kind than a site's own."""
        ...

    def decide(self) -> Decision:
        """What the gate says."""
        ...

    def quality(self) -> Mapping[str, Quality]:
        """By contestant."""
        ...
