"""Simulated customers visit the live web service: they ask for slates, react to them, and say what they did.

A living demo, a load, and the ground truth of experiments: what each arm's slates are truly worth is known.
"""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import httpx
import numpy as np

from recsys.errors import ConfigError, PlatformError
from recsys.events.simulator import Shop, ShopParams
from recsys.events.simulator.visitors import Manners, Visitors
from recsys.sites import SiteConfig
from recsys.types import Frozen, SiteId, UserId

SIMULATOR: Final = "simulator"
SLATE: Final = 10
"""Items that a page shows."""
AT_ONCE: Final = 64
"""Visits under way, at most; those that come meanwhile wait."""
PATIENCE: Final = 10.0
"""Seconds for one answer."""
AHEAD: Final = 200
"""Visitors drawn at once."""


class Shown(Frozen):
    """What was shown by one arm of one release, and what became of it."""

    arm: str
    release_id: str
    slates: int
    clicks: int
    carts: int
    purchases: int
    expected_clicks: float
    "The sum of the true probabilities of a click: what the slates were worth, without the luck."


class VisitReport(Frozen):
    """What the visits came to."""

    site: SiteId
    visits: int
    failed: int
    "Visits that ended with a request that was not answered as it should be."
    seconds: float
    visits_per_second: float
    shown: tuple[Shown, ...]
    "By arm and release, in order."
    first_fault: str = ""


@dataclass
class _Count:
    slates: int = 0
    expected: float = 0.0
    events: dict[str, int] = field(default_factory=lambda: {"view": 0, "cart": 0, "purchase": 0})


class Tour:
    """Visits to one site, at an even pace."""

    def __init__(
        self, site: SiteConfig, client: httpx.AsyncClient, *, seed: int = 0, manners: Manners | None = None
    ) -> None:
        """``client`` knows the address of the web service and its key.

        Raises:
            ConfigError: the site is not simulated, so nobody knows what its users want.
        """
        if site.source.kind != SIMULATOR:
            raise ConfigError(f"site {site.site!r}: found source {site.source.kind!r}, expected {SIMULATOR!r}")
        self._site = site.site
        self._client = client
        self._rng = np.random.default_rng(seed)
        params = ShopParams.model_validate(site.source.params)
        self._visitors = Visitors(Shop(params), manners or Manners(), self._rng)
        self._next: list[UserId] = []
        self._counts: dict[tuple[str, str], _Count] = {}
        self._visits = self._failed = 0
        self._first_fault = ""

    async def run(
        self,
        *,
        visits_per_second: float,
        seconds: float,
        progress: Callable[[int, int], object] = lambda done, total: None,
    ) -> VisitReport:
        """Visits come evenly for so many seconds; one that fails is counted, and the others go on.

        Raises:
            PlatformError: not one visit succeeded.
        """
        began = time.monotonic()
        total = max(1, math.ceil(visits_per_second * seconds))
        free = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as visits:
            for number in range(total):
                await asyncio.sleep(max(0.0, began + number / visits_per_second - time.monotonic()))
                await free.acquire()
                visits.create_task(self._visit()).add_done_callback(lambda _: free.release())
                progress(number + 1, total)
        if self._failed == self._visits:
            raise PlatformError(f"none of {total} visits to {self._client.base_url} succeeded: {self._first_fault}")
        return self._report(time.monotonic() - began)

    async def _visit(self) -> None:
        self._visits += 1
        try:
            await self._look_and_react(datetime.now(UTC))
        except httpx.HTTPError as fault:
            self._failed += 1
            self._first_fault = self._first_fault or f"{type(fault).__name__}: {fault}"

    async def _look_and_react(self, now: datetime) -> None:
        user_id = self._somebody(now)
        answer = await self._ask("GET", "recommendations", params={"user_id": user_id, "k": SLATE})
        items = [item["item_id"] for item in answer["items"]]
        count = self._counts.setdefault((answer["arm"], answer["release_id"]), _Count())
        count.slates += 1
        count.expected += float(self._visitors.chances(user_id, items, now.date()).sum())
        events = []
        for reaction in self._visitors.react(user_id, items, now.date()):
            for event_type in reaction.event_types:
                count.events[event_type] += 1
                events.append(
                    {
                        "event_id": UUID(bytes=self._rng.bytes(16), version=4).hex,
                        "timestamp": datetime.now(UTC).isoformat(),
                        "user_id": user_id,
                        "item_id": reaction.item_id,
                        "event_type": event_type,
                        "request_id": answer["request_id"],
                    }
                )
        if events:
            await self._ask("POST", "events", json=events)

    async def _ask(self, method: str, what: str, **request: Any) -> dict[str, Any]:
        answer = await self._client.request(method, f"/v1/{self._site}/{what}", timeout=PATIENCE, **request)
        answer.raise_for_status()
        return dict(answer.json())

    def _somebody(self, now: datetime) -> UserId:
        if not self._next:
            self._next = self._visitors.arrive(now.date(), AHEAD)
        return self._next.pop()

    def _report(self, seconds: float) -> VisitReport:
        shown = tuple(
            Shown(
                arm=arm,
                release_id=release_id,
                slates=count.slates,
                clicks=count.events["view"],
                carts=count.events["cart"],
                purchases=count.events["purchase"],
                expected_clicks=count.expected,
            )
            for (arm, release_id), count in sorted(self._counts.items())
        )
        return VisitReport(
            site=self._site,
            visits=self._visits,
            failed=self._failed,
            seconds=seconds,
            visits_per_second=self._visits / seconds,
            shown=shown,
            first_fault=self._first_fault,
        )
