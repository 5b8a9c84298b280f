"""How long a connection may take: a client that sends or reads slowly loses its own connection and costs nobody else's.

uvicorn bounds how long an idle connection is kept, not how long a request takes to arrive nor how long an answer takes
to leave. Both bounds are here, and what the server itself refuses is a problem document like every other error. An
answer leaves in one piece.
"""

import asyncio
import json
import uuid
from asyncio import TimerHandle
from http import HTTPStatus
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from web_service.one_write import OneWrite
from web_service.problems import MEDIA_TYPE, TITLES

LARGEST_HEAD: Final = 128 << 10
"""Bytes of request line and headers; a thousand excluded items fit into the query."""
LONGEST_ADDRESS: Final = (1 << 16) - 1
"""Bytes of path and query that the parser takes apart."""
KINDS: Final = {
    400: "malformed-request",
    408: "request-timeout",
    414: "address-too-long",
    431: "headers-too-large",
}


class PatientProtocol(HttpToolsProtocol):
    """One connection. A request that came at once costs two comparisons more than without."""

    receive_within = 20.0
    "Seconds from the first byte of a request, or from the connection, until the request is here, body and all."
    send_within = 30.0
    "Seconds for which a client may leave an answer unread that is larger than the buffers between us."

    url = b""
    _receiving: TimerHandle | None = None
    _sending: TimerHandle | None = None
    _in_head = False
    _whole = False
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._receiving = self.loop.call_later(self.receive_within, self._came_too_slowly)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._whole and not self.cycle.response_complete:
            self._stop_waiting()
        elif not self.transport.is_closing():
            if self._receiving is None:
                self._receiving = self.loop.call_later(self.receive_within, self._came_too_slowly)
            if self._in_head:
                self._head_bytes += len(data)
                if self._head_bytes > LARGEST_HEAD:
                    self._refuse(431, f"found request line and headers of more than {LARGEST_HEAD} bytes")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._whole, self._head_bytes = True, False, 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before and self.scope["method"] != "HEAD":
            self.cycle.transport = OneWrite(self.transport)  # type: ignore[assignment]

    def on_message_complete(self) -> None:
        self._whole = True
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._sending = self._sending or self.loop.call_later(self.send_within, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_sending()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_waiting()
        self._stop_sending()

    def send_400_response(self, msg: str) -> None:
        if len(self.url) > LONGEST_ADDRESS:
            self._refuse(414, f"found an address of {len(self.url)} bytes, expected at most {LONGEST_ADDRESS}")
        else:
            self._refuse(400, msg)

    def _came_too_slowly(self) -> None:
        self._receiving = None
        began = self._in_head or (self.cycle is not None and not self._whole)
        if began:
            self._refuse(408, f"the request was not here whole after {self.receive_within:.0f} seconds")
        else:
            self.transport.close()

    def _refuse(self, status: int, detail: str) -> None:
        """The last thing said on this connection."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            kind = KINDS[status]
            document = {
                "type": f"urn:recsys:problem:{kind}",
                "title": TITLES[kind],
                "status": status,
                "detail": detail,
                "instance": self.url.partition(b"?")[0][:200].decode("ascii", "backslashreplace"),
                "request_id": uuid.uuid4().hex,
            }
            body = json.dumps(document).encode()
            head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: {MEDIA_TYPE}\r\n"
            self.transport.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        self.transport.close()

    def _stop_waiting(self) -> None:
        if self._receiving is not None:
            self._receiving.cancel()
            self._receiving = None

    def _stop_sending(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
