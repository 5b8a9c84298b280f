"""Asks for many items side by side; every item has an outcome, or is left for another run."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import httpx
import numpy as np

from recsys.events.fetching.answers import read_answer
from recsys.events.fetching.client import Client, LeftAlone
from recsys.events.fetching.outcomes import Fault, Outcome, Refused
from recsys.events.fetching.pace import Pace
from recsys.events.fetching.params import ContentApiParams
from recsys.types import ItemId

HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "recsys"}


@dataclass
class ContentApi:
    """One site's content API. Keeps its pace, and how many failed in a row, from call to call."""

    params: ContentApiParams
    secret_headers: Mapping[str, str]
    clock: Callable[[], datetime]
    "Tells the moment at which an answer is there, UTC."
    rng: np.random.Generator
    stopped: str | None = None
    "Why nothing more should be asked; None: go on."
    gave_up: bool = False
    "Whether that is because the API failed too often."
    _failed_in_a_row: int = 0
    _pace: Pace = field(init=False)

    def __post_init__(self) -> None:
        self._pace = Pace(self.params.requests_per_second)

    def fetch(self, items: Sequence[ItemId]) -> list[Outcome]:
        """The outcomes of these items, in the order in which they came; fewer than items where ``stopped`` says why.

        Not from within a running event loop.
        """
        return asyncio.run(self._fetch(items))

    async def _fetch(self, items: Sequence[ItemId]) -> list[Outcome]:
        waiting, outcomes = deque(items), list[Outcome]()
        headers = {**HEADERS, **self.params.headers, **self.secret_headers}
        limits = httpx.Limits(max_connections=self.params.concurrency)
        async with httpx.AsyncClient(headers=headers, limits=limits, timeout=None) as http:
            client = Client(http, self.params, self._pace, self.rng)
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self.params.concurrency, len(items))):
                    group.create_task(self._work(client, waiting, outcomes))
        return outcomes

    async def _work(self, client: Client, waiting: deque[ItemId], outcomes: list[Outcome]) -> None:
        while waiting and self.stopped is None:
            item_id = waiting.popleft()
            try:
                body = await client.ask(item_id)
            except LeftAlone as wish:
                self.stopped = str(wish)
                return
            found = body if isinstance(body, Refused) else read_answer(body, item_id, self.params)
            outcomes.append(Outcome(item_id, self.clock(), found))
            self._count(found)

    def _count(self, found: object) -> None:
        failed = isinstance(found, Refused) and found.fault is Fault.FETCH_ERROR and not found.lasting
        self._failed_in_a_row = self._failed_in_a_row + 1 if failed else 0
        if self._failed_in_a_row == self.params.give_up_after and isinstance(found, Refused):
            self.gave_up = True
            self.stopped = f"{self._failed_in_a_row} items in a row could not be fetched, the last one: {found.detail}"
