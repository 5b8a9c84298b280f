"""How a worker leaves: it says that it is not ready, and for a while still answers whoever comes.

So a load balancer has time to notice, and clients are asked to close their connections before these are closed on them.
"""

import asyncio
import logging
import signal
import threading
from types import FrameType

from starlette.types import Message, Send

log = logging.getLogger(__name__)


class Draining:
    """Of one worker."""

    def __init__(self, seconds: float) -> None:
        """``seconds`` pass from the signal to end until the server begins to; 0: none."""
        self._seconds = seconds
        self.begun = False

    def heed_signals(self) -> None:
        """SIGTERM begins the draining; what the server would do at once it does afterwards, or at a second signal.

        Called when the server has set its own handler; where there is none, nothing changes.
        """
        if not self._seconds or threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        end = signal.getsignal(signal.SIGTERM)
        if not callable(end):
            return

        def heed(number: int, frame: FrameType | None) -> None:
            if self.begun:
                end(number, frame)
                return
            self.begun = True
            log.info("not ready from now on; ends in %g s", self._seconds)
            loop.call_soon_threadsafe(loop.call_later, self._seconds, end, number, None)

        signal.signal(signal.SIGTERM, heed)


def closing(send: Send) -> Send:
    """``send`` that asks the client to close the connection, and closes it after the answer."""

    async def send_and_close(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
        await send(message)

    return send_and_close
