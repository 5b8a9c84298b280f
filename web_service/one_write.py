"""An answer leaves in one piece: its head waits for the first of its body, as ASGI allows.

The server writes each by itself, and every write is a call of the system, a packet, and maybe another one that the
client reads.
"""

import asyncio
from typing import Final

INTERIM: Final = b"HTTP/1.1 100 "
"""How what is said before an answer begins."""


class OneWrite:
    """What one answer is written through, in the place of its connection's transport; not for one to HEAD."""

    __slots__ = ("_head", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head: bytes | None = None
        "None: it was not written yet; empty: it is on its way."

    def write(self, data: bytes) -> None:
        """``data`` is on its way, or will be together with what is written next."""
        if self._head:
            self._transport.write(self._head + data)
            self._head = b""
        elif self._head is None and not data.startswith(INTERIM):
            self._head = data
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Everything written is on its way, then the connection is closed."""
        if self._head:
            self._transport.write(self._head)
            self._head = b""
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether the connection is."""
        return self._transport.is_closing()
