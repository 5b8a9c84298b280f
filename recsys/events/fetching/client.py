"""Asks one address, as long as it is worth it: retries with back-off, never past a limit of time or size."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import quote

import httpx
import numpy as np
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from recsys.events.fetching.outcomes import Fault, Refused
from recsys.events.fetching.pace import Pace
from recsys.events.fetching.params import ITEM, ContentApiParams
from recsys.types import ItemId

BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"Answers that may be another one in a moment."
ABOUT_US: Final = frozenset({401, 403, 407})
"Refusals that are about us, not about the item: another key, another day."
MOST_REDIRECTS: Final = 3


class LeftAlone(Exception):
    """The API asks for a longer pause than anybody is willing to wait for: the run should end."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the API asks to be left alone for {seconds:,.0f} seconds")


class _Failed(Exception):
    """One attempt came to nothing.

    ``again``: another attempt in a moment may mend it. ``lasting``: so would one in an hour not.
    """

    def __init__(self, detail: str, *, again: bool = False, lasting: bool = True, wait: float | None = None) -> None:
        super().__init__(detail)
        self.again, self.lasting, self.wait = again, lasting, wait


def _may_pass(fault: BaseException) -> bool:
    return isinstance(fault, _Failed) and fault.again


@dataclass
class Client:
    """One conversation with one API."""

    http: httpx.AsyncClient
    params: ContentApiParams
    pace: Pace
    rng: np.random.Generator
    "Spreads the pauses of attempts that failed together."
    _queue: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    "Who waits for a turn, first come, first served."

    async def ask(self, item_id: ItemId) -> bytes | Refused:
        """The body of the answer, or why there is none.

        Raises:
            LeftAlone: the API asked for a pause longer than ``total_timeout_seconds``.
        """
        params = self.params
        if not item_id.strip("."):
            return Refused(Fault.FETCH_ERROR, "an id of dots alone leads to another address")
        await self._turn()
        try:
            async with asyncio.timeout(params.total_timeout_seconds):
                return await AsyncRetrying(
                    retry=retry_if_exception(_may_pass),
                    stop=stop_after_attempt(params.attempts),
                    wait=self._pause,
                    before=self._wait_for_turn,
                    reraise=True,
                )(self._get, params.url.replace(ITEM, quote(item_id, safe="")))
        except TimeoutError:
            detail = f"no answer within {params.total_timeout_seconds:g} s in all"
            return Refused(Fault.FETCH_ERROR, detail, lasting=False)
        except _Failed as fault:
            tried = f", {params.attempts} times" if fault.again else ""
            return Refused(Fault.FETCH_ERROR, f"{fault}{tried}", lasting=fault.lasting)

    async def _wait_for_turn(self, state: RetryCallState) -> None:
        if state.attempt_number > 1:
            await self._turn()

    async def _turn(self) -> None:
        async with self._queue:
            await self.pace.turn()

    def _pause(self, state: RetryCallState) -> float:
        """Seconds: what the API asked for; else doubled at each attempt, somewhere between half and one and a half."""
        fault = state.outcome.exception() if state.outcome else None
        if isinstance(fault, _Failed) and fault.wait is not None:
            return fault.wait
        doubled: float = self.params.back_off_seconds * 2.0 ** (state.attempt_number - 1)
        return doubled * float(self.rng.uniform(0.5, 1.5))

    async def _get(self, address: str) -> bytes:
        try:
            async with asyncio.timeout(self.params.timeout_seconds):
                return await self._follow(httpx.URL(address))
        except TimeoutError:
            raise _Failed(f"no answer within {self.params.timeout_seconds:g} s", again=True, lasting=False) from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as fault:
            raise _Failed(f"no address: {fault}") from None
        except httpx.HTTPError as fault:
            raise _Failed(f"{type(fault).__name__}: {fault}", again=True, lasting=False) from None

    async def _follow(self, url: httpx.URL) -> bytes:
        for _ in range(MOST_REDIRECTS + 1):
            async with self.http.stream("GET", url) as response:
                if not response.has_redirect_location:
                    self._require_good(response)
                    return await self._body(response)
                target = url.join(response.headers["location"])
            if not _same_place(url, target):
                raise _Failed(f"status {response.status_code} leads to {target.scheme}://{target.host}, another place")
            url = target
        raise _Failed(f"more than {MOST_REDIRECTS} redirects")

    def _require_good(self, response: httpx.Response) -> None:
        """Raises _Failed for every status but 200, and LeftAlone where the API asks for a long pause."""
        status = response.status_code
        if status == httpx.codes.OK:
            return
        if status not in BUSY:
            raise _Failed(f"status {status}", lasting=status not in ABOUT_US)
        wait = _asked_pause(response.headers)
        if wait is not None:
            if wait > self.params.total_timeout_seconds:
                raise LeftAlone(wait)
            self.pace.hold(wait)
        raise _Failed(f"status {status}", again=True, lasting=False, wait=wait)

    async def _body(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > self.params.max_bytes:
                raise _Failed(f"more than {self.params.max_bytes:,} bytes")
        return bytes(body)


def _same_place(url: httpx.URL, target: httpx.URL) -> bool:
    """Same host and port, and no step down from https; up to https, with its usual port, is allowed."""
    if url.host != target.host:
        return False
    up = (url.scheme, target.scheme) == ("http", "https") and target.port is None
    return up or (url.scheme, url.port) == (target.scheme, target.port)


def _asked_pause(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by ``Retry-After``: a number, or a time, which is compared with the answer's own ``Date``."""
    asked = headers.get("retry-after", "").strip()
    if asked.isdecimal():
        return float(asked[:9])
    try:
        until, now = (parsedate_to_datetime(text) for text in (asked, headers.get("date", "")))
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError):  # not a time, or one of them without a zone
        return None
