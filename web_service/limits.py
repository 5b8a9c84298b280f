"""What keeps a worker standing when more is asked than it can answer: a share for each client, an end to each request.

Whoever cannot be answered in time is told so at once, while there is time for that. Health and metrics always answer.
"""

import asyncio
import math
import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web_service.auth import Keys
from web_service.draining import Draining, closing
from web_service.load import Load
from web_service.problems import Problem
from web_service.telemetry import Telemetry

API: Final = "/v1/"
WINDOW: Final = 10.0
"""Seconds for which a client may save up its share."""
MOST_CLIENTS: Final = 10_000
"""Clients that are counted at once; of more, those whose share is whole again are forgotten."""


class Shares:
    """How much each client has left: ``per_second`` requests a second, saved up for ``WINDOW`` seconds."""

    def __init__(self, per_second: float) -> None:
        self.most = max(1, int(per_second * WINDOW))
        self._interval = 1.0 / per_second
        self._whole_at: dict[str, float] = {}
        "When each client's share is whole again."

    def take(self, client: str, now: float) -> tuple[int, float]:
        """Requests left after this one, and seconds until the share is whole; -1 and seconds to wait where none was.

        Source: the generic cell rate algorithm of ITU-T I.371, which is a token bucket kept as one number.
        """
        full = self.most * self._interval
        whole_at = max(now, self._whole_at.get(client, now)) + self._interval
        if whole_at - now > full * (1 + 1e-9):
            return -1, whole_at - now - full
        if len(self._whole_at) >= MOST_CLIENTS and client not in self._whole_at:
            self._whole_at = {known: at for known, at in self._whole_at.items() if at > now}
        self._whole_at[client] = whole_at
        return int((full - (whole_at - now)) / self._interval + 1e-9), whole_at - now


class Limits:
    """ASGI middleware."""

    def __init__(
        self, app: ASGIApp, keys: Keys, load: Load, draining: Draining, telemetry: Telemetry, per_second: float
    ) -> None:
        """``per_second`` requests of each key, or of each address without one; 0: as many as the worker can."""
        self._app = app
        self._keys = keys
        self._load = load
        self._draining = draining
        self._telemetry = telemetry
        self._shares = Shares(per_second) if per_second else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The request is answered in time, or refused at once.

        Raises:
            Problem: 429, the client's share is used up; 503, too much is under way, or the request took too long.
        """
        if scope["type"] != "http" or not scope["path"].startswith(API):
            await self._app(scope, receive, send)
            return
        if self._draining.begun:
            send = closing(send)
        if self._shares is not None:
            send = self._within_share(self._shares, scope, send)
        if not self._load.admits():
            self._telemetry.refused.labels("overloaded").inc()
            raise Problem(503, "overloaded", "too much is asked at once; try again", headers={"Retry-After": "1"})
        request = self._load.begin()
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            if not request.overdue:
                raise
            request.task.uncancel()
            self._telemetry.refused.labels("too-slow").inc()
            raise Problem(
                503,
                "too-slow",
                f"found no answer within {self._load.seconds:g} s and gave up; what was asked may yet be done",
                headers={"Retry-After": "5"},
            ) from None
        finally:
            self._load.end(request)
            if (why := scope["state"].get("refused")) is not None:
                self._telemetry.keys_refused.labels(why).inc()

    def _within_share(self, shares: Shares, scope: Scope, send: Send) -> Send:
        """``send`` that tells the client what it has left. Raises Problem where nothing was."""
        key = self._keys.of(scope)
        client = scope["client"][0] if scope["client"] else "unknown"
        left, seconds = shares.take(f"key {key.key_id}" if key else client, time.monotonic())
        policy = f'"requests";q={shares.most};w={WINDOW:.0f}'
        told = {"RateLimit-Policy": policy, "RateLimit": f'"requests";r={max(left, 0)};t={math.ceil(seconds)}'}
        if left < 0:
            self._telemetry.refused.labels("rate-limited").inc()
            raise Problem(
                429,
                "rate-limited",
                f"found more than {shares.most} requests in {WINDOW:.0f} s; try again in {seconds:.1f} s",
                headers=told | {"Retry-After": str(math.ceil(seconds))},
            )
        headers = [(name.lower().encode(), value.encode()) for name, value in told.items()]

        async def send_with_share(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        return send_with_share
