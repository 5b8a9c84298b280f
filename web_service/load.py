"""How much a worker has to do: which requests are under way since when, and how late it is for its own appointments."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from web_service.telemetry import Telemetry

MOST_UNDER_WAY: Final = 4000
"""Requests that one worker has under way at most, those included that wait for Postgres."""
MOST_LATE: Final = 1.0
"""Seconds by which a worker may be late: what a request waits before anybody looks at it."""
LOOK_AGAIN: Final = 0.05
"""Seconds between two looks."""


@dataclass(slots=True, eq=False)
class Request:
    """One that is under way."""

    task: "asyncio.Task[object]"
    began: float
    overdue: bool = False


class Load:
    """Of one worker."""

    def __init__(self, seconds: float, telemetry: Telemetry) -> None:
        """A request that takes longer than ``seconds`` is cancelled."""
        self.seconds = seconds
        self._telemetry = telemetry
        self.late = 0.0
        "Seconds by which the worker was late for each of its last two looks, at least."
        self._last = 0.0
        self._requests: set[Request] = set()
        self._owed = 0.0

    def admits(self) -> bool:
        """Whether one more request may begin.

        Where the worker is late by n times what it may be, one in n may: so many it can answer in time.
        """
        if len(self._requests) >= MOST_UNDER_WAY:
            return False
        if self.late <= MOST_LATE:
            return True
        self._owed += MOST_LATE / self.late
        if self._owed < 1.0:
            return False
        self._owed -= 1.0
        return True

    def begin(self) -> Request:
        """The request of this task is under way, until ``end``."""
        task = asyncio.current_task()
        assert task is not None
        request = Request(task, time.monotonic())
        self._requests.add(request)
        return request

    def end(self, request: Request) -> None:
        """It is no longer under way."""
        self._requests.discard(request)

    def notice(self, late: float) -> None:
        """The worker came so many seconds late to a look. Once is a pause of its machine, not too much to do."""
        self.late, self._last = min(self._last, late), late
        self._telemetry.late.set(self.late)

    async def run(self) -> None:
        """Looks again and again, until cancelled."""
        while True:
            due = time.monotonic() + LOOK_AGAIN
            await asyncio.sleep(LOOK_AGAIN)
            now = time.monotonic()
            self.notice(now - due)
            self._telemetry.under_way.set(len(self._requests))
            for request in self._requests:
                if now - request.began > self.seconds and not request.overdue:
                    request.overdue = True
                    request.task.cancel()
