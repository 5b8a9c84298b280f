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
    """What is learned from, what the ranker is taught with, and what the release is judged on."""

    history: Window
    "The generators whose candidates get labels are fitted on this."
    label: Window
    "What users then did; the ranker's labels."
    evaluation: Window
    "The last days before as_of; nothing that is judged on them has seen them."

    @property
    def as_of(self) -> datetime:
        return self.evaluation.end


def cut_windows(as_of: datetime, policy: WindowPolicy) -> Windows:
    """``history | label | evaluation | as_of``, without gaps; lengths from the site's ``windows``.

    Args:
        as_of: exclusive end of all that is known; with a time zone.
        policy: lengths in days.

    Raises:
        NotEnoughData: ``as_of`` has no time zone, so that it names no moment.
    """
    if as_of.tzinfo is None:
        raise NotEnoughData(f"found as_of {as_of} without a time zone; expected UTC, e.g. {as_of}+00:00")
    judged_from = as_of - timedelta(days=policy.evaluation_days)
    labelled_from = judged_from - timedelta(days=policy.label_days)
    known_from = labelled_from - timedelta(days=policy.history_days)
    return Windows(Window(known_from, labelled_from), Window(labelled_from, judged_from), Window(judged_from, as_of))
