"""The predictors that are live, in this worker: in memory before anybody asks, exchanged when their pointer moves.

What there is no room for is loaded when it is first asked for; where nothing is live no library is loaded. While
Postgres is away, what is in memory goes on, and a worker that starts then answers with what this host's disk has kept.
"""

import asyncio
import logging
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from recsys import columns as c
from recsys.errors import ReleaseError
from recsys.serving.away import AWAY
from recsys.serving.contracts import Surface
from recsys.serving.predicting.coded import as_text
from recsys.serving.predicting.session import SessionEvent
from recsys.serving.predictor_models import LOADERS
from recsys.serving.telling import live_releases
from recsys.types import ItemId, ReleaseId, SiteId, UserId
from web_service.kept_models import KeptModels
from web_service.problems import Problem
from web_service.telemetry import Telemetry

if TYPE_CHECKING:
    from recsys.serving.continuing.model import NextItem, NextItems
    from recsys.serving.predicting.clicks import ClickProbability
    from recsys.serving.predicting.intent import PurchaseIntent

log = logging.getLogger(__name__)

LOOK_AGAIN: Final = 1.0
"""Seconds between two looks at the pointers."""
READY_WITHIN: Final = 30.0
"""Seconds after which a worker that starts answers, whether or not it has read all models."""
AGAIN: Final = 30.0
"""Seconds until a model that could not be opened is tried again."""
FEW: Final = 4
"""Rows that are scored at once; more are scored beside the other requests."""
PATIENCE: Final = 0.3
"""Seconds that a session waits for a model which is not in memory yet; it is continued without, then."""

_FILES: Final = "SELECT name, content FROM recsys.ranker_file WHERE release_id = $1"
_BYTES: Final = """
SELECT release_id, sum(octet_length(content)) FROM recsys.ranker_file WHERE release_id = ANY($1) GROUP BY release_id
"""
_FORGOTTEN: Final = """
SELECT release.site, user_id FROM recsys.release JOIN recsys.erasure USING (site)
WHERE release_id = ANY($1) AND erased_at >= as_of
"""


class Predictors:
    """The models by site and surface."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        kept: KeptModels,
        telemetry: Telemetry,
        *,
        sites: Callable[[], Collection[SiteId]],
        room: int,
    ) -> None:
        """``kept`` are the models on this host's disk; those of ``sites`` are read ahead, up to ``room`` bytes."""
        self._pool = pool
        self._kept = kept
        self._telemetry = telemetry
        self._sites = sites
        self._room = room
        self._live: dict[tuple[SiteId, Surface], ReleaseId] = {}
        self._models: dict[tuple[SiteId, Surface], tuple[ReleaseId, Any]] = {}
        self._opening: dict[tuple[SiteId, Surface], asyncio.Lock] = {}
        self._bringing: dict[tuple[SiteId, Surface], asyncio.Task[None]] = {}
        self._not_before: dict[ReleaseId, float] = {}
        self._forgotten: dict[SiteId, set[UserId]] = {}
        self._bytes: dict[ReleaseId, int] = {}
        "Of the files of a model."
        self._looked = False
        self._thread = ThreadPoolExecutor(1, "predicting")

    async def start(self) -> None:
        """It is known what is live, from Postgres, or, while it is away, from this host's disk; and it is in memory.

        Models that are not in time are read while requests are answered.
        """
        try:
            await self._look()
        except (asyncpg.PostgresError, *AWAY) as fault:
            log.warning("Postgres does not answer (%s); predicting with the models of this host", fault)
            self._live = await asyncio.to_thread(self._kept.remembered)
        self._first = asyncio.create_task(self._read_ahead())
        await asyncio.wait({self._first}, timeout=READY_WITHIN)

    @property
    def from_disk(self) -> list[str]:
        """What is predicted as it was when this host last heard Postgres; empty once this worker has heard it."""
        return [] if self._looked else sorted(f"{surface} of {site}" for site, surface in self._live)

    @property
    def missing(self) -> int:
        """How many models are live and not in memory, though there is room: they are being read, or cannot be."""
        return sum(self._models.get(key, ("",))[0] != release_id for key, release_id in self._to_read())

    async def intent(self, site: SiteId) -> "PurchaseIntent":
        """The model of purchase intent.

        Raises:
            Problem: 404 while the site has none.
        """
        model: PurchaseIntent = await self._model(site, "intent")
        return model

    async def ctr(self, site: SiteId) -> "ClickProbability":
        """The model of click probability.

        Raises:
            Problem: 404 while the site has none.
        """
        model: ClickProbability = await self._model(site, "ctr")
        return model

    async def session(self, site: SiteId) -> "NextItems | None":
        """The model that continues sessions; None while the site has none, or none is in memory soon."""
        key: tuple[SiteId, Surface] = (site, "session")
        if key not in self._live:
            return None
        if key not in self._models:
            if key not in self._bringing:
                self._bringing[key] = asyncio.create_task(self._bring(key))
            await asyncio.wait({self._bringing[key]}, timeout=PATIENCE)
        found: tuple[ReleaseId, NextItems] | None = self._models.get(key)
        return None if found is None else found[1]

    async def bought(self, site: SiteId, model: "PurchaseIntent", session: Sequence[SessionEvent]) -> float:
        """The probability that the session buys, counted."""
        return (await self._said(site, "intent", 1, lambda: model.predict([session]).tolist()))[0]

    async def clicked(self, site: SiteId, model: "ClickProbability", rows: Sequence[Mapping[str, Any]]) -> list[float]:
        """One probability per row, counted; users who were erased since the model was trained are nobody to it.

        Raises:
            MissingColumns: with the columns that some row has not.
        """
        if forgotten := self._forgotten.get(site):
            rows = [{**row, c.USER_ID: None} if as_text(row.get(c.USER_ID)) in forgotten else row for row in rows]
        return await self._said(site, "ctr", len(rows), lambda: model.predict(rows).tolist())

    async def next_items(
        self,
        site: SiteId,
        model: "NextItems",
        session: Sequence[ItemId],
        *,
        k: int,
        may_be_shown: Callable[[ItemId], bool],
        repeats: bool,
    ) -> "list[NextItem]":
        """What may come next in the session, best first; found beside other requests, and timed."""
        ask = partial(model.continue_session, session, k=k, may_be_shown=may_be_shown, repeats=repeats)
        with self._telemetry.continuing.labels(site).time():
            return await asyncio.get_running_loop().run_in_executor(self._thread, ask)

    async def run(self) -> None:
        """Keeps the models those of the pointers, until cancelled."""
        await self._first
        while True:
            try:
                await self._look()
                await self._read_ahead()
            except (asyncpg.PostgresError, *AWAY) as fault:
                log.debug("Postgres does not answer: %s", fault)
            await asyncio.sleep(LOOK_AGAIN)

    def close(self) -> None:
        """Nothing is scored any more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _look(self) -> None:
        live = {surface: await live_releases(self._pool, surface) for surface in LOADERS}
        self._live = {(site, surface): key.release_id for surface, of in live.items() for site, key in of.items()}
        models = [*self._live.items(), *((key, release_id) for key, (release_id, _) in self._models.items())]
        forgotten: dict[SiteId, set[UserId]] = {}
        for site, user_id in await self._pool.fetch(
            _FORGOTTEN, [of for (_, surface), of in models if surface == "ctr"]
        ):
            forgotten.setdefault(site, set()).add(user_id)
        self._forgotten = forgotten
        self._looked = True

    async def _read_ahead(self) -> None:
        """What is live is in memory as far as there is room; what was there before goes on until the next one is."""
        try:
            await self._weigh()
            wanted = self._to_read()
        except (asyncpg.PostgresError, *AWAY) as fault:
            log.warning("no model is read ahead: %s", fault)
            return
        for key, _ in wanted:
            await self._bring(key)

    async def _weigh(self) -> None:
        """It is known how large the live models are."""
        unknown = {release_id: key for key, release_id in self._live.items() if release_id not in self._bytes}
        if unknown and self._looked:
            self._bytes |= dict.fromkeys(unknown, 0) | dict(await self._pool.fetch(_BYTES, list(unknown)))
        for release_id in unknown.keys() - self._bytes.keys():
            self._bytes[release_id] = await asyncio.to_thread(self._kept.bytes_of, *unknown[release_id], release_id)

    def _to_read(self) -> list[tuple[tuple[SiteId, Surface], ReleaseId]]:
        """The live models that shall be in memory: those that have one there, and others while there is room."""
        found = [(key, release_id) for key, release_id in self._live.items() if key in self._models]
        if len(found) < len(self._live):
            taken, sites = sum(self._bytes.get(release_id, 0) for _, release_id in found), set(self._sites())
            for key, release_id in self._live.items():
                size = self._bytes.get(release_id, 0)
                if key not in self._models and key[0] in sites and taken + size <= self._room:
                    taken += size
                    found.append((key, release_id))
        return found

    async def _keep_up(self, key: tuple[SiteId, Surface]) -> None:
        """The live model is in memory, unless it cannot be read."""
        async with self._opening.setdefault(key, asyncio.Lock()):
            if key in self._live and self._models.get(key, ("",))[0] != self._live[key]:
                await self._open(key)

    async def _model(self, site: SiteId, surface: Surface) -> Any:
        key = (site, surface)
        if not self._looked and key not in self._live:
            await self._look()
        if key in self._live and key not in self._models:
            await self._keep_up(key)
        if key not in self._models:
            raise Problem(
                404,
                "no-live-release",
                f"site {site!r} has no live model of {surface} that can answer; ask for it with `predictors` in the "
                f"site's YAML, and see what its gate says with: recsys releases list --site {site}",
            )
        return self._models[key][1]

    async def _bring(self, key: tuple[SiteId, Surface]) -> None:
        """The live model is in memory, unless it cannot be read, or Postgres does not answer."""
        try:
            await self._keep_up(key)
        except (asyncpg.PostgresError, *AWAY) as fault:
            log.warning("site %s: the live model of %s is not in memory: %s", *key, fault)
        finally:
            self._bringing.pop(key, None)

    async def _open(self, key: tuple[SiteId, Surface]) -> None:
        """The model of the pointer is in memory. One that cannot be read is left for a while, and the last goes on."""
        release_id, now = self._live[key], asyncio.get_running_loop().time()
        if now < self._not_before.get(release_id, 0.0):
            return
        opened = partial(self._telemetry.models.labels, *key)
        try:
            model = await asyncio.to_thread(self._kept.opened, *key, release_id)
            if model is None:
                files = {row["name"]: row["content"] for row in await self._pool.fetch(_FILES, release_id)}
                model = await asyncio.to_thread(_brought, self._kept, *key, release_id, files)
                opened("postgres").inc()
            else:
                opened("disk").inc()
        except (asyncpg.PostgresError, *AWAY):
            raise
        except Exception as fault:  # whatever its files hold, the other models go on
            log.error("release %s does not predict here: %s", release_id, fault)
            self._not_before[release_id] = now + AGAIN
            opened("refused").inc()
            return
        self._models[key] = release_id, model
        await asyncio.to_thread(self._remember, *key, release_id)

    def _remember(self, site: SiteId, surface: Surface, release_id: ReleaseId) -> None:
        try:
            self._kept.remember(site, surface, release_id)
        except OSError as fault:
            log.error("the disk does not take which model is live: %s", fault)

    async def _said(self, site: SiteId, surface: Surface, rows: int, predict: Callable[[], list[float]]) -> list[float]:
        if rows <= FEW:
            said = predict()
        else:
            said = await asyncio.get_running_loop().run_in_executor(self._thread, predict)
        told = self._telemetry.predictions.labels(site, surface)
        for probability in said:
            told.observe(probability)
        return said


def _brought(
    kept: KeptModels, site: SiteId, surface: Surface, release_id: ReleaseId, files: Mapping[str, bytes]
) -> Any:
    """The model of these files, kept on the disk, if that takes them.

    Raises:
        ReleaseError: a file is missing.
        FeatureMismatch: it was trained by another version of this library.
    """
    if not files:
        raise ReleaseError(f"release {release_id}: found no file of its model, expected some; publish it again")
    try:
        kept.keep(site, surface, release_id, files)
        found = kept.opened(site, surface, release_id)
    except OSError as fault:
        log.error("the disk does not take the model of release %s: %s", release_id, fault)
        found = None
    if found is not None:
        return found
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        return LOADERS[surface](Path(folder))
