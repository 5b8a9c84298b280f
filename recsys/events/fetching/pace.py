"""How fast an API is asked."""

import asyncio
import time


class Pace:
    """Gives out turns at even distances, so that no second sees more than its share, not even the first.

    Of one event loop at a time. Libraries for this count requests in a window, which lets a burst through at its start,
    and cannot be told to stand still for everybody, as an API asks for with Retry-After; hence these few lines.
    """

    def __init__(self, per_second: float) -> None:
        self._step = 1.0 / per_second
        self._next = 0.0
        self._held_until = 0.0

    async def turn(self) -> None:
        """Returns when the next request may start."""
        while True:
            now = time.monotonic()
            start = max(now, self._next, self._held_until)
            self._next = start + self._step
            await asyncio.sleep(start - now)
            if time.monotonic() >= self._held_until:
                return

    def hold(self, seconds: float) -> None:
        """Nobody has a turn for so long from now on, also not who waits for one already."""
        self._held_until = max(self._held_until, time.monotonic() + seconds)
