"""Writes down what was shown, after the answer has left. A failure here never harms an answer; it is counted."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

from recsys.serving.contracts import Answer
from recsys.serving.impressions import write_impressions
from web_service.telemetry import Telemetry

log = logging.getLogger(__name__)

WAITING: Final = 10_000
"Impressions that may wait; more are dropped and counted."
BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class _Shown:
    answer: Answer
    served_at: datetime


class ImpressionLog:
    """A queue and the one task that empties it."""

    def __init__(self, pool: asyncpg.Pool, telemetry: Telemetry) -> None:
        self._pool = pool
        self._telemetry = telemetry
        self._queue: asyncio.Queue[_Shown] = asyncio.Queue(WAITING)

    def note(self, answer: Answer, served_at: datetime) -> None:
        """Returns at once; the impression will be written, or is counted as dropped. An empty slate is none."""
        if not answer.items:
            return
        try:
            self._queue.put_nowait(_Shown(answer, served_at))
        except asyncio.QueueFull:
            self._telemetry.impressions.labels("dropped").inc()

    async def run(self) -> None:
        """Writes what is noted, in batches, until cancelled; then writes what is left."""
        try:
            while True:
                await self._write([await self._queue.get()])
        except asyncio.CancelledError:
            while not self._queue.empty():
                await self._write([])
            raise

    async def _write(self, batch: list[_Shown]) -> None:
        with contextlib.suppress(asyncio.QueueEmpty):
            while len(batch) < BATCH:
                batch.append(self._queue.get_nowait())
        try:
            await write_impressions(self._pool, [(shown.answer, shown.served_at) for shown in batch])
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as fault:
            log.warning("%d impressions were not written: %s", len(batch), fault)
            self._telemetry.impressions.labels("failed").inc(len(batch))
        else:
            self._telemetry.impressions.labels("written").inc(len(batch))
