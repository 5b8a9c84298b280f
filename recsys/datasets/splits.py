"""How the log is cut in time for training and judging. Every window ends before the next begins."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import polars as pl

from recsys import columns as c
from recsys.errors import NotEnoughData
from recsys.sites.config import WindowPolicy

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)


@dataclass(frozen=True)
class Window:
    """A stretch of time, UTC: ``start`` belongs to it, ``end`` does not."""

    start: datetime
    end: datetime

    def of(self, frame: Frame) -> Frame:
        """The rows whose timestamp lies in the window."""
        return frame.filter(pl.col(c.TIMESTAMP) >= self.start, pl.col(c.TIMESTAMP) < self.end)


@dataclass(frozen=True)
class Windows:
    """What the ranker is taught with, and what the release is judged on."""

    labels: tuple[Window, ...]
    "What users then did, oldest first; before each, the generators know what came before it and nothing else."
    evaluation: Window
    "The last days before as_of; nothing that is judged on them has seen them."

    @property
    def as_of(self) -> datetime:
        return self.evaluation.end


def cut_windows(as_of: datetime, policy: WindowPolicy) -> Windows:
    """``… | label | label | evaluation | as_of``, without gaps; lengths and count from the site's ``windows``.

    Args:
        as_of: exclusive end of all that is known; with a time zone.
        policy: lengths in days.

    Raises:
        NotEnoughData: ``as_of`` has no time zone, so that it names no moment.
    """
    if as_of.tzinfo is None:
        raise NotEnoughData(f"found as_of {as_of} without a time zone; expected UTC, e.g. {as_of}+00:00")
    judged_from = as_of - timedelta(days=policy.evaluation_days)
    return Windows(label_windows(judged_from, policy), Window(judged_from, as_of))


def label_windows(until: datetime, policy: WindowPolicy) -> tuple[Window, ...]:
    """The policy's label windows back to back, oldest first, the last one ending at ``until``."""
    step = timedelta(days=policy.label_days)
    return tuple(Window(until - step * (n + 1), until - step * n) for n in reversed(range(policy.label_windows)))
