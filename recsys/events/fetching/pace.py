"""How fast an API is asked."""

import asyncio


class Pace:
    """Gives out turns, each at least a step after the one before.

    So no second sees more than its share, not even the first, nor the one after a standstill of this process. Of one
    event loop at a time, and of one waiting caller at a time: who asks side by side queues up before it. Libraries for
    this count requests in a window, which lets a burst through at its start, and cannot be told to stand still for
    everybody, as an API asks for with Retry-After; hence these few lines.
    """

    def __init__(self, per_second: float) -> None:
        self._step = 1.0 / per_second
        self._next = 0.0

    async def turn(self) -> None:
        """Returns when the next request may start."""
        clock = asyncio.get_running_loop().time
        while (wait := self._next - clock()) > 0:
            await asyncio.sleep(wait)
        self._next = clock() + self._step

    def hold(self, seconds: float) -> None:
        """Nobody has a turn for so long from now on, also not who waits for one already."""
        self._next = max(self._next, asyncio.get_running_loop().time() + seconds)
