"""How the work of a service ends."""

import asyncio
import logging
from collections.abc import Collection
from typing import Final

log = logging.getLogger(__name__)

AGAIN: Final = 1.0
"""Seconds until a task that goes on is told again: ``asyncio.wait_for`` of Python 3.11, which libraries use, can take a
cancellation for an answer that came at the same moment."""


async def end(tasks: Collection[asyncio.Task[None]]) -> None:
    """All of them have ended; a task that had failed before has said why in the log."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        done, left = await asyncio.wait(left, timeout=AGAIN)
        for task in done:
            if not task.cancelled() and (fault := task.exception()):
                log.error("%s had failed", task.get_coro(), exc_info=fault)
