"""What surrounds every request: an id, a limit on size, time measured, headers set, no error without a document."""

import time
import uuid
from typing import Final

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web_service.problems import Problem, as_problem, render
from web_service.telemetry import Telemetry

LARGEST_BODY: Final = 4 << 20
"Bytes; a thousand events with the longest ids fit."

SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
}


class Surroundings:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The request is answered, with a problem document where the app could not; then it is counted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers["Server-Timing"] = f"app;dur={(time.perf_counter() - started) * 1000:.1f}"
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/v1/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            _require_small(Headers(scope=scope))
            await self._app(scope, _limited(receive), send_with_headers)
        except Exception as error:
            if status:  # the answer has begun; it can only be cut off
                raise
            await render(Request(scope), as_problem(error))(scope, receive, send_with_headers)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._telemetry.requests.labels(scope["method"], route, str(status)).inc()
            self._telemetry.seconds.labels(scope["method"], route).observe(time.perf_counter() - started)


def _require_small(headers: Headers) -> None:
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length[:20]) > LARGEST_BODY:
        raise Problem(413, "too-large", f"found a body of {length[:20]} bytes, expected at most {LARGEST_BODY}")


def _limited(receive: Receive) -> Receive:
    """``receive`` that refuses a body larger than it said."""
    received = 0

    async def receive_some() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > LARGEST_BODY:
            raise HTTPException(413, f"found a body of more than {LARGEST_BODY} bytes, expected no more than that")
        return message

    return receive_some
