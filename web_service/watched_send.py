"""What middleware sends an answer through, to know its status afterwards."""

from starlette.types import Message, Send


class WatchedSend:
    """Sends, and looks; ``status`` is 0 until an answer has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def __call__(self, message: Message) -> None:
        """The message is sent."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)
