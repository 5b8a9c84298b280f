"""What surrounds every request: an id, a limit on size, time measured, headers set, no error without a document."""

import os
import time
from typing import Final

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web_service.journal import REQUEST_ID
from web_service.problems import Problem, as_problem, render
from web_service.telemetry import Telemetry

LARGEST_BODY: Final = 4 << 20
"Bytes; a thousand events with the longest ids fit."

SECURITY_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        b"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
)
OF_THE_API: Final = (*SECURITY_HEADERS, (b"cache-control", b"no-store"))


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
        request_id = os.urandom(16).hex()
        scope.setdefault("state", {})["request_id"] = request_id
        REQUEST_ID.set(request_id)
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"] = list(message.get("headers", ()))
                given = {name for name, _ in headers}
                headers.append((b"x-request-id", request_id.encode()))
                headers.append((b"server-timing", b"app;dur=%.1f" % ((time.perf_counter() - started) * 1000)))
                usual = OF_THE_API if scope["path"].startswith("/v1/") else SECURITY_HEADERS
                headers += [header for header in usual if header[0] not in given]
            await send(message)

        try:
            _require_small(scope)
            await self._app(scope, _limited(receive), send_with_headers)
        except Exception as error:
            if status:  # the answer has begun; it can only be cut off
                raise
            await render(Request(scope), as_problem(error))(scope, receive, send_with_headers)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._telemetry.count_request(scope["method"], route, status, time.perf_counter() - started)


def _require_small(scope: Scope) -> None:
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if length.isdigit() and int(length[:20]) > LARGEST_BODY:
        raise Problem(413, "too-large", f"found a body of {int(length[:20])} bytes, expected at most {LARGEST_BODY}")


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
