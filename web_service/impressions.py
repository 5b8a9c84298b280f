"""Writes down what was shown, after the answer has left. A failure here never harms an answer; it is counted."""

import asyncio
import contextlib
import logging
from typing import Final

import asyncpg

from recsys.serving.away import AWAY
from recsys.serving.impressions import Failed, Shown, write_failures, write_impressions
from web_service.telemetry import Telemetry

log = logging.getLogger(__name__)

WAITING: Final = 10_000
"Impressions that may wait; more are dropped and counted."
BATCH: Final = 500
TOGETHER: Final = 0.03
"""Seconds for which others may join the first of a batch; few large writes cost a fraction of many small ones."""
LAST_WORDS: Final = 5.0
"""Seconds that the end of the service waits for impressions to be written."""


class ImpressionLog:
    """A queue and the one task that empties it."""

    def __init__(self, pool: asyncpg.Pool, telemetry: Telemetry) -> None:
        self._pool = pool
        self._telemetry = telemetry
        self._queue: asyncio.Queue[Shown | Failed] = asyncio.Queue(WAITING)

    def note(self, answered: Shown | Failed) -> None:
        """Returns at once; it will be written, or is counted as dropped."""
        try:
            self._queue.put_nowait(answered)
        except asyncio.QueueFull:
            self._telemetry.impressions.labels("dropped").inc()

    async def run(self) -> None:
        """Writes what is noted, in batches, until cancelled."""
        while True:
            first = await self._queue.get()
            if self._queue.qsize() < BATCH:
                await asyncio.sleep(TOGETHER)
            await self._write([first])

    async def drain(self) -> None:
        """Everything noted so far is written, or counted as lost; at most a few seconds pass."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._queue.join(), LAST_WORDS)

    async def _write(self, batch: list[Shown | Failed]) -> None:
        with contextlib.suppress(asyncio.QueueEmpty):
            while len(batch) < BATCH:
                batch.append(self._queue.get_nowait())
        try:
            await write_impressions(self._pool, [each for each in batch if isinstance(each, Shown)])
            if failed := [each for each in batch if isinstance(each, Failed)]:
                await write_failures(self._pool, failed)
        except (asyncpg.PostgresError, *AWAY) as fault:
            log.warning("%d impressions were not written: %s %s", len(batch), type(fault).__name__, fault)
            self._telemetry.impressions.labels("failed").inc(len(batch))
        else:
            self._telemetry.impressions.labels("written").inc(len(batch))
        for _ in batch:
            self._queue.task_done()
