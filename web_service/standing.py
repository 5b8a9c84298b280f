"""What every worker knows without asking: which release answers for each site, and what the site was told lately.

One task keeps it true: it listens to Postgres, and looks again once a second, so that a lost message costs a second.
While Postgres is away the worker goes on with what it knows, and says since when.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg

from recsys.serving.away import AWAY
from recsys.serving.contracts import RECOMMENDATIONS
from recsys.serving.lifecycle import CHANNEL
from recsys.serving.postgres_release import PostgresRelease
from recsys.serving.reading import ReleaseKey, ReleaseReader
from recsys.serving.snapshot.release import SnapshotRelease
from recsys.serving.telling import (
    NEWS,
    Running,
    fits,
    has_rows,
    heed,
    live_releases,
    parse,
    read_activities,
    read_told,
    running_experiments,
    wanted_releases,
)
from recsys.serving.told import Activity, Told
from recsys.types import ReleaseId, SiteId, UserId
from web_service.arms import UNTREATED, Arms, Treatment
from web_service.garbage import stays
from web_service.snapshots import Snapshots
from web_service.telemetry import Telemetry

log = logging.getLogger(__name__)

LOOK_AGAIN: Final = 1.0
"""Seconds between two looks at the pointers, whatever was heard; and between two attempts to reach Postgres."""
ANSWERS_WITHIN: Final = 5.0
"""Seconds after which a connection that says nothing is given up: what it listened to may have vanished."""
UNREADABLE: Final = (asyncpg.PostgresError, *AWAY)
"""Away, or without its tables: there is nothing to be known from it now."""


class Standing:
    """The sites as they stand."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        snapshots: Snapshots,
        telemetry: Telemetry,
        connect: Callable[[], Awaitable[asyncpg.Connection]],
    ) -> None:
        """``connect`` opens the connection that listens; ``snapshots`` are those of this host."""
        self._pool = pool
        self._telemetry = telemetry
        self._snapshots = snapshots
        self._connect = connect
        self._readers: dict[SiteId, ReleaseReader] = {}
        self._told: dict[SiteId, Told] = {}
        self._unsure: set[SiteId] = set()
        "Sites whose news may be incomplete."
        self._arms: dict[SiteId, Arms] = {}
        self._running: list[Running] = []
        self._canaries: dict[ReleaseId, ReleaseReader] = {}
        "Releases that experiments try."
        self._wanted: list[ReleaseKey] = []
        self._made: dict[ReleaseId, SnapshotRelease] = {}
        self._meanwhile: list[dict[str, Any]] | None = None
        "News heard while a site is read; None: nothing is being read."
        self._changed = asyncio.Event()
        self._empty: set[ReleaseId] = set()
        "Releases that were named and have no rows; each is complained of once."
        self.read_at: dict[SiteId, datetime] = {}
        "When a site's news were last read as a whole; what came since was heard."
        self.heard_at: datetime | None = None
        "When Postgres last answered; None: it never did, what is known is from this host's files."

    def treatment(self, site: SiteId, user_id: UserId | None) -> Treatment:
        """By which arms of the experiments that run the user is answered; a release that cannot answer is no arm."""
        arms = self._arms.get(site)
        if arms is None:
            return UNTREATED
        found = arms.of(user_id)
        return found if found.release_id is None or found.release_id in self._canaries else UNTREATED

    def reader(self, site: SiteId, release_id: ReleaseId | None = None) -> ReleaseReader | None:
        """The release that answers for the site, or that a treatment names; None while it has none.

        Raises:
            OSError: nothing is known yet: Postgres does not answer, and this host has no snapshot.
        """
        found = self._readers.get(site)
        if release_id is not None:
            found = self._canaries.get(release_id, found)
        if found is None and self.heard_at is None:
            raise OSError("the database was not reached yet")
        return found

    @property
    def releases(self) -> list[ReleaseKey]:
        """Releases that answer, or may have to from one moment to the next."""
        known = [*self._wanted, *(reader.key for reader in self._readers.values())]
        return list({release.release_id: release for release in known}.values())

    def told(self, site: SiteId) -> Told | None:
        """What the site was told lately; None while it is not read, or the site has no release."""
        return self._told.get(site)

    async def activity(self, site: SiteId, user_id: UserId, *, events: int, bought_by: str | None) -> Activity:
        """What the user did lately; from memory wherever that is complete."""
        told = self._told.get(site)
        if told is not None:
            known = told.activity(user_id, self._readers[site].key, events=events, bought_by=bought_by)
            if known is not None:
                return known
        return (await self.activities(site, [user_id], events=events, bought_by=bought_by))[user_id]

    async def activities(
        self, site: SiteId, user_ids: Sequence[UserId], *, events: int, bought_by: str | None
    ) -> dict[UserId, Activity]:
        """What each of the users did lately; Postgres is asked once for all whom memory does not know."""
        reader, told = self._readers[site], self._told.get(site)
        found: dict[UserId, Activity] = {}
        if told is not None:
            for user_id in user_ids:
                known = told.activity(user_id, reader.key, events=events, bought_by=bought_by)
                if known is not None:
                    found[user_id] = known
        missing = [user_id for user_id in user_ids if user_id not in found]
        if missing:
            try:
                found |= await read_activities(
                    self._pool, told, reader.key, missing, events=events, bought_by=bought_by
                )
            except AWAY:
                if not isinstance(reader, SnapshotRelease):
                    raise
                found |= dict.fromkeys(missing, Activity(unread=True))  # an answer without is better than none
        return found

    def live(self) -> dict[SiteId, ReleaseId | None]:
        """Sites that are answered from this host's snapshots, with their release."""
        return {
            site: reader.key.release_id for site, reader in self._readers.items() if isinstance(reader, SnapshotRelease)
        }

    def heed(self, news: Iterable[str]) -> None:
        """What this worker itself wrote down counts at once; the others hear of it from Postgres."""
        for payload in news:
            self._take_in(parse(payload))

    def change(self) -> None:
        """Something changed on this host or in Postgres: look now."""
        self._changed.set()

    async def start(self) -> None:
        """What can be known is known: from Postgres, or, while it is away, from the snapshots of this host."""
        try:
            await self._look(self._pool)
        except UNREADABLE as fault:
            log.warning("Postgres does not answer (%s); starting with the snapshots of this host", fault)
            for snapshot in self._snapshots.remembered():
                self._told[snapshot.key.site] = Told(snapshot.key, sure=False)
                self._readers[snapshot.key.site] = self._choose(snapshot.key)

    async def run(self) -> None:
        """Keeps it true, until cancelled."""
        while True:
            try:
                connection = await self._connect()
                try:
                    await self._follow(connection)
                finally:
                    self._doubt(self._told)
                    await connection.close(timeout=LOOK_AGAIN)
            except UNREADABLE as fault:
                log.warning("Postgres does not answer: %s", fault)
            await asyncio.sleep(LOOK_AGAIN)

    async def _follow(self, connection: asyncpg.Connection) -> None:
        await connection.add_listener(NEWS, self._hear)
        await connection.add_listener(CHANNEL, lambda *_: self.change())
        self._doubt(self._told)  # what was said while nobody listened is read again
        while True:
            self._changed.clear()
            async with asyncio.timeout(ANSWERS_WITHIN):
                await self._look(connection)
            await self._read()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN):
                    await self._changed.wait()

    async def _look(self, database: asyncpg.Pool | asyncpg.Connection) -> None:
        """Every site has the reader of its live release."""
        live = await self._with_rows(database, await live_releases(database, RECOMMENDATIONS))
        self._wanted = await wanted_releases(database, RECOMMENDATIONS)
        self.heard_at = datetime.now(UTC)
        self._telemetry.heard.set(self.heard_at.timestamp())
        self._snapshots.want(self._wanted)
        wanted = {release.release_id for release in self._wanted}
        self._made = {release_id: made for release_id, made in self._made.items() if release_id in wanted}
        if {site: reader.key for site, reader in self._readers.items()} != live:
            self._snapshots.remember({site: release.release_id for site, release in live.items()})
        self._readers = {site: self._choose(release) for site, release in live.items()}
        for site, release in live.items():
            self._telemetry.slates_as_of.labels(site).set(release.as_of.timestamp())
            self._telemetry.slates_made.labels(site).set(release.created_at.timestamp())
        await self._look_at_experiments(database)

    async def _look_at_experiments(self, database: asyncpg.Pool | asyncpg.Connection) -> None:
        """Who takes part is what the table says now."""
        running = await running_experiments(database, RECOMMENDATIONS)
        tried = {arm.release_id for experiment, _ in running for arm in experiment.arms}
        self._canaries = {key.release_id: self._choose(key) for key in self._wanted if key.release_id in tried}
        if running != self._running:
            self._running = running
            sites = {experiment.site for experiment, _ in running}
            self._arms = {site: Arms(each for each in running if each[0].site == site) for site in sites}

    async def _with_rows(
        self, database: asyncpg.Pool | asyncpg.Connection, live: dict[SiteId, ReleaseKey]
    ) -> dict[SiteId, ReleaseKey]:
        """Where the pointer names a release that is not there, the one before goes on; or none answers."""
        found = dict(live)
        for site, release in live.items():
            before = self._readers.get(site)
            if (before is not None and before.key == release) or await has_rows(database, release):
                continue
            if before is None:
                del found[site]
            else:
                found[site] = before.key
            if release.release_id not in self._empty:
                self._empty.add(release.release_id)
                goes_on = "none" if before is None else before.key.release_id
                log.error("site %s: live release %s has no rows; %s answers", site, release.release_id, goes_on)
        return found

    async def _read(self) -> None:
        """Everything that counts for the live releases, and for those before them, is in memory, and not much more."""
        for site, reader in self._readers.items():
            told = self._told.get(site)
            since = _earliest([reader.key, *(key for key in self._wanted if key.site == site)])
            if (
                told is None
                or site in self._unsure
                or not told.covers(reader.key)
                or (told.would_hold_more(since) and await fits(self._pool, since))
            ):
                self._unsure.discard(site)
                self._meanwhile = []
                told = await read_told(self._pool, since)
                for news in self._meanwhile:
                    if news["site"] == site:
                        heed(told, news)
                self._meanwhile = None
                told.sure = site not in self._unsure
                self._told[site] = told
                self.read_at[site] = datetime.now(UTC)
                stays()
                self.change()  # from now on the snapshot may answer
            elif told.covers(since):
                for _ in told.keep(since):
                    await asyncio.sleep(0)  # requests have their turn

    def _choose(self, release: ReleaseKey) -> ReleaseReader:
        """The snapshot, once it is there and the site's news are in memory; else the tables."""
        if (made := self._made.get(release.release_id)) is not None and release.site in self._told:
            return made
        tables = PostgresRelease(self._pool, release)
        snapshot = self._snapshots.get(release)
        if snapshot is None or release.site not in self._told:
            return tables
        made = SnapshotRelease(snapshot, tables, lambda: self._told[release.site])
        self._made[release.release_id] = made
        return made

    def _hear(self, _connection: object, _pid: int, _channel: str, payload: str) -> None:
        news = parse(payload)
        if "received_at" in news:
            self._telemetry.news.observe(max(0.0, datetime.now(UTC).timestamp() - news["received_at"]))
        self._take_in(news)

    def _doubt(self, sites: Collection[SiteId]) -> None:
        """What is in memory of the sites may lack something, until it is read again."""
        self._unsure.update(sites)
        for told in map(self._told.get, sites):
            if told is not None:
                told.sure = False

    def _take_in(self, news: dict[str, Any]) -> None:
        if self._meanwhile is not None:
            self._meanwhile.append(news)
        if news["kind"] == "changed":
            self._doubt([news["site"]])
            self.change()
        elif (told := self._told.get(news["site"])) is not None:
            heed(told, news)


def _earliest(releases: list[ReleaseKey]) -> ReleaseKey:
    """The first of them, as if it had known as little as any."""
    first = releases[0]
    return ReleaseKey(
        first.site,
        first.release_id,
        min(release.as_of for release in releases),
        min(release.created_at for release in releases),
    )
