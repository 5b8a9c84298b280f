"""What a long run costs, step by step."""

import logging
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from recsys.types import Frozen

LOG: Final = logging.getLogger(__name__)
OF_MAXRSS: Final = 1 if sys.platform == "darwin" else 1024
"""Bytes of a unit of ru_maxrss."""


class Step(Frozen):
    """One step that ended."""

    step: str
    rows: int
    "What came of it."
    seconds: float
    peak_bytes: int
    "The most memory that the process held so far."


class Steps:
    """The steps of a run, in the order in which they end; each is logged as it begins and as it ends."""

    def __init__(self) -> None:
        self.ended: list[Step] = []
        self._of = ""

    def of(self, what: str) -> "Steps":
        """Steps of the same run that are named as part of ``what``."""
        part = Steps()
        part.ended, part._of = self.ended, f"{what}: "
        return part

    @contextmanager
    def measured(self, name: str) -> Iterator[list[int]]:
        """Times what is inside; it may append to the list how many rows came of it."""
        name = self._of + name
        LOG.info("%s …", name)
        rows: list[int] = []
        began = time.perf_counter()
        yield rows
        step = Step(step=name, rows=sum(rows), seconds=time.perf_counter() - began, peak_bytes=peak_bytes())
        LOG.info("%s: %s rows, %.1f s, peak %.0f MB", name, f"{step.rows:,}", step.seconds, step.peak_bytes / 1e6)
        self.ended.append(step)


def peak_bytes() -> int:
    """The most memory that this process held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * OF_MAXRSS
