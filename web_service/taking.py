"""Takes events in: those of requests that come at the same time in one transaction; on the disk while Postgres is away.

An event is accepted when it is durable. The worker that took it answers with a view to it from then on.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

import asyncpg

from recsys.events.model import Interaction, ItemUpdate
from recsys.serving.away import AWAY
from recsys.serving.feedback import Recorded, record_events
from recsys.serving.item_updates import record_item_updates
from recsys.serving.telling import news_of
from recsys.types import SiteId
from web_service.clock import now
from web_service.problems import Problem
from web_service.spool import Spool, SpoolFull, Told
from web_service.standing import Standing
from web_service.telemetry import Telemetry

log = logging.getLogger(__name__)

AT_ONCE: Final = 5000
"""Events of one transaction, at most, however many requests wait."""
REPLAYED: Final = 1000
"""Events that come from the disk in one transaction, about; reading more would let requests wait."""
WAITING: Final = 2000
"""Requests that may wait; more are told to come again."""
TAKEN_WITHIN: Final = 2.0
"""Seconds that Postgres has for one transaction; what it has not taken by then goes to the disk."""
SPARED: Final = 5.0
"""Seconds for which a Postgres that was too slow is left alone, so that few requests wait for it in vain."""
LAST_WORDS: Final = 10.0
"""Seconds that the end of the service waits for events to be taken."""
LOOK_AGAIN: Final = 1.0
"""Seconds between two attempts to bring waiting events into Postgres."""


@dataclass
class _Request:
    site: SiteId
    events: Sequence[Told]
    taken: asyncio.Future[int] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def answer(self, accepted: int | Exception) -> None:
        """Whoever waits hears of it; one who went away does not."""
        if self.taken.done():
            return
        if isinstance(accepted, Exception):
            self.taken.set_exception(accepted)
        else:
            self.taken.set_result(accepted)


class Taking:
    """The one who writes events, in this worker."""

    def __init__(self, pool: asyncpg.Pool, standing: Standing, spool: Spool, telemetry: Telemetry) -> None:
        self._pool = pool
        self._telemetry = telemetry
        self._standing = standing
        self._spool = spool
        self._requests: asyncio.Queue[_Request] = asyncio.Queue(WAITING)
        self._spared_until = 0.0
        self._too_late: set[asyncio.Task[Recorded]] = set()
        "Transactions that nobody waits for any more."

    async def take(self, site: SiteId, events: Sequence[Told]) -> int:
        """The events are durable: in Postgres, or on the disk of this host until Postgres takes them.

        Returns how many of them were new, as far as that is known.

        Raises:
            SpoolFull: neither takes them.
            Problem: 503, too many requests wait already.
        """
        request = _Request(site, events)
        try:
            self._requests.put_nowait(request)
        except asyncio.QueueFull:
            detail = f"{WAITING} requests with events wait already; send these again in a moment"
            raise Problem(503, "overloaded", detail, headers={"Retry-After": "1"}) from None
        return await request.taken

    async def run(self) -> None:
        """Takes what comes, until cancelled."""
        while True:
            requests = [await self._requests.get()]
            while not self._requests.empty() and sum(len(request.events) for request in requests) < AT_ONCE:
                requests.append(self._requests.get_nowait())
            requests.sort(key=lambda request: request.site)
            for site, of_site in groupby(requests, key=lambda request: request.site):
                await self._take_together(site, list(of_site))
            for _ in requests:
                self._requests.task_done()

    async def catch_up(self) -> None:
        """Brings what waits on the disk into Postgres, whenever it answers, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            waiting = self._spool.size()
            self._telemetry.spool.set(waiting)
            if waiting:
                try:
                    await self._replay()
                except (asyncpg.PostgresError, *AWAY) as fault:
                    log.warning("%d bytes of events wait for Postgres: %s %s", waiting, type(fault).__name__, fault)

    async def drain(self) -> None:
        """Every request that waits has its answer, or some seconds have passed."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._requests.join(), LAST_WORDS)

    async def _take_together(self, site: SiteId, requests: list[_Request]) -> None:
        if asyncio.get_running_loop().time() < self._spared_until:
            self._keep(site, requests)
            return
        try:
            recorded = await self._record_soon(site, [event for request in requests for event in request.events])
        except AWAY as fault:
            log.warning("Postgres takes no events, %d requests go to the disk: %s", len(requests), fault)
            self._keep(site, requests)
        except Exception as fault:  # whatever it is, whoever asked must hear of it
            if len(requests) == 1:
                requests[0].answer(fault)
            else:  # one that Postgres refuses spoils no other
                for request in requests:
                    await self._take_together(site, [request])
        else:
            self._standing.heed(recorded.news)
            new = set(recorded.new)
            for request in requests:
                accepted = new & {event.event_id for event in request.events}
                new -= accepted
                request.answer(len(accepted))

    def _keep(self, site: SiteId, requests: list[_Request]) -> None:
        """On the disk of this host, for now."""
        events = [event for request in requests for event in request.events]
        try:
            self._spool.add(site, events)
        except SpoolFull as fault:
            for request in requests:
                request.answer(fault)
            return
        at = now()
        self._standing.heed(news for event in events if (news := news_of(site, event, at)))
        for request in requests:
            request.answer(len({event.event_id for event in request.events}))

    async def _record_soon(self, site: SiteId, events: Sequence[Told]) -> Recorded:
        """Raises TimeoutError: it takes too long. Should it come to an end after all, its events still count once."""
        recording = asyncio.create_task(self._record(site, events))
        await asyncio.wait({recording}, timeout=TAKEN_WITHIN)
        if recording.done():
            return recording.result()
        self._spared_until = asyncio.get_running_loop().time() + SPARED
        self._too_late.add(recording)
        recording.add_done_callback(self._forget)
        recording.cancel()
        raise TimeoutError(f"it did not take them within {TAKEN_WITHIN:.0f} seconds")

    def _forget(self, recording: asyncio.Task[Recorded]) -> None:
        self._too_late.discard(recording)
        if not recording.cancelled() and (fault := recording.exception()):
            log.warning("Postgres did not take events that went to the disk instead: %s", fault)

    async def _record(self, site: SiteId, events: Sequence[Told]) -> Recorded:
        done = [event for event in events if isinstance(event, Interaction)]
        told = [event for event in events if isinstance(event, ItemUpdate)]
        if not told:
            return await record_events(self._pool, site, done)
        async with self._pool.acquire() as connection, connection.transaction():  # both kinds, or neither
            return await record_events(connection, site, done) + await record_item_updates(connection, site, told)

    async def _replay(self) -> None:
        for file in self._spool.files():
            for site, events in _together(file.batches()):
                self._standing.heed((await self._record(site, events)).news)
            file.done()


def _together(batches: Iterator[tuple[SiteId, list[Told]]]) -> Iterator[tuple[SiteId, list[Told]]]:
    """Batches of one site that follow each other, in their order, as fewer larger ones."""
    for site, following in groupby(batches, key=lambda batch: batch[0]):
        waiting: list[Told] = []
        for _, events in following:
            waiting += events
            if len(waiting) >= REPLAYED:
                yield site, waiting
                waiting = []
        if waiting:
            yield site, waiting
