"""The release's ranker in this worker: orders what a user could be shown, offline and online candidates alike.

It scores in a thread, within the site's budget. Whatever keeps it from doing so, the answer is blended as if there were
no ranker, and the reason is counted. Sites that do not ask for it cost nothing: no library is loaded, no file made.
"""

import asyncio
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from math import isfinite
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

from recsys.errors import ConfigError, FeatureMismatch, RecsysError, StoreError
from recsys.layout import Settings
from recsys.serving.reading import ReleaseKey, ScoredItems
from recsys.sites import SiteConfig
from recsys.types import ItemId, ReleaseId, SiteId, UserId
from web_service.blending import Candidate, Signal
from web_service.problems import Problem
from web_service.sites import SiteBook
from web_service.standing import Standing
from web_service.telemetry import Telemetry

if TYPE_CHECKING:
    from recsys.serving.scoring.scorer import Scorer, Told

log = logging.getLogger(__name__)

SCORER: Final = "recsys.serving.scoring.scorer"
"""Imports numpy, pandas and catboost."""
SUFFIX: Final = ".ranker"
LOOK_AGAIN: Final = 1.0
"""Seconds between two looks at which releases need their ranker."""
AGAIN: Final = 30.0
"""Seconds until parts that could not be made or opened are tried again."""
FORGETTING: Final = 0.1
"""What the last scoring counts in what is usual."""
MAKE: Final = (sys.executable, "-m", "recsys.serving.scoring")


class _Unranked(Exception):
    """There are no scores, and why."""

    def __init__(self, kind: str) -> None:
        self.kind = kind


class OnlineRanking:
    """The rankers of the releases that answer, or may soon have to."""

    def __init__(self, settings: Settings, telemetry: Telemetry, wanted: Callable[[], Iterable[ReleaseKey]]) -> None:
        """``wanted``: those releases, of sites that want their items ranked."""
        self._settings = settings
        self._telemetry = telemetry
        self._wanted = wanted
        self._folder = settings.recsys_home / "snapshots"
        self._scorers: dict[ReleaseId, Scorer] = {}
        self._not_before: dict[ReleaseId, float] = {}
        self._refused: set[ReleaseId] = set()
        self._thread = ThreadPoolExecutor(1, "ranking")
        self._waiting = 0
        "Requests whose scores are being computed, or wait for that."
        self._usual = 0.0
        "Seconds that one of them takes the thread, of late."

    async def start(self) -> None:
        """Libraries are loaded before anybody asks, where a site needs them: that holds a worker up for some time."""
        if any(True for _ in self._wanted()):
            await asyncio.to_thread(import_module, SCORER)

    async def order(
        self,
        site: SiteConfig,
        release: ReleaseKey,
        user_id: UserId | None,
        offline: Iterable[Candidate],
        online: Iterable[Candidate],
        signals: Iterable[Signal],
        similar: Mapping[ItemId, ScoredItems],
    ) -> list[Candidate] | None:
        """The candidates of both lists with the ranker's scores, best first; None: blend them.

        An online item has the site's ``online_weight`` times its share of the best one's similarity added to its score.
        The ranker hears of the ``signals`` that the release could not know, with what is ``similar`` to their items.
        Each keeps its source and reasons, those of the offline list where it is in both. Without online candidates
        there is nothing to do: the offline list is in the ranker's order.
        """
        if not site.serving.online_ranking.enabled or user_id is None:
            return None
        heard, slate = list(online), list(offline)
        if not heard:
            return None
        candidates = {candidate[0]: candidate for candidate in (*heard, *slate)}
        known_until = release.as_of.timestamp()
        told = [
            (signal.item_id, signal.weight, similar.get(signal.item_id, ScoredItems()))
            for signal in signals
            if signal.timestamp >= known_until
        ]
        try:
            if not slate:  # the release does not know the user, or has to forget what it knows
                raise _Unranked("stranger")
            scores = await self._scores(site, release.release_id, user_id, list(candidates), told)
        except _Unranked as reason:
            self._telemetry.unranked.labels(site.site, reason.kind).inc()
            return None
        return in_order(candidates.values(), scores, heard, online_weight=site.serving.online_ranking.online_weight)

    async def _scores(
        self, site: SiteConfig, release_id: ReleaseId, user_id: UserId, items: list[ItemId], told: list["Told"]
    ) -> list[float]:
        scorer = self._scorers.get(release_id)
        if scorer is None:
            raise _Unranked("refused" if release_id in self._refused else "absent")
        budget = site.serving.online_ranking.budget_ms / 1000
        if self._waiting * self._usual > budget:  # those before this one take all of it
            raise _Unranked("late")
        started = perf_counter()
        scoring = asyncio.get_running_loop().run_in_executor(self._thread, _timed, scorer, user_id, items, told)
        self._waiting += 1
        try:
            scores, seconds = await asyncio.wait_for(scoring, budget)
        except TimeoutError:
            raise _Unranked("late") from None
        except Exception as fault:
            log.exception("the ranker of release %s gave no scores", release_id)
            raise _Unranked("failed") from fault
        finally:
            self._waiting -= 1
        self._usual += FORGETTING * (seconds - self._usual)
        self._telemetry.ranking.labels(site.site).observe(perf_counter() - started)
        if scores is None:
            raise _Unranked("stranger")
        return scores

    async def run(self) -> None:
        """Keeps the wanted rankers ready, until cancelled."""
        while True:
            kept_here = self._settings.recsys_snapshot_users > 0
            wanted = {release.release_id: release for release in self._wanted() if kept_here}
            for release in wanted.values():
                if release.release_id not in self._scorers:
                    await self._open(release)
            self._forget(wanted.keys())
            await asyncio.sleep(LOOK_AGAIN)

    def close(self) -> None:
        """Nothing is scored any more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _forget(self, wanted: Iterable[ReleaseId]) -> None:
        kept = set(wanted)
        for release_id in self._scorers.keys() - kept:
            del self._scorers[release_id]
        self._refused &= kept
        for path in self._folder.glob(f"*/*{SUFFIX}"):
            if path.name.removesuffix(SUFFIX) not in kept:
                shutil.rmtree(path, ignore_errors=True)
                path.with_name(f"{path.name}.lock").unlink(missing_ok=True)

    async def _open(self, release: ReleaseKey) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._not_before.get(release.release_id, 0.0):
            return
        path = self._folder / release.site / f"{release.release_id}{SUFFIX}"
        try:
            if not path.exists():
                await self._make(release, path)
            self._scorers[release.release_id] = await asyncio.to_thread(_opened, path)
            self._refused.discard(release.release_id)
        except (RecsysError, OSError) as fault:
            log.warning("release %s is not ranked at request time: %s", release.release_id, fault)
            self._not_before[release.release_id] = now + AGAIN
            if isinstance(fault, FeatureMismatch) or path.exists():
                self._refused.add(release.release_id)
            shutil.rmtree(path, ignore_errors=True)

    async def _make(self, release: ReleaseKey, path: Path) -> None:
        command = (*MAKE, release.release_id, str(path), str(self._settings.recsys_snapshot_users))
        environment = {**os.environ, **self._settings.environment()}
        making = await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.PIPE)
        try:
            _, said = await making.communicate()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                making.terminate()
            await making.wait()
            raise
        if making.returncode:
            raise StoreError(said.decode(errors="replace").strip().rpartition("\n")[2])


def in_order(
    candidates: Iterable[Candidate], scores: Iterable[float], online: Sequence[Candidate], *, online_weight: float
) -> list[Candidate]:
    """The candidates by their scores, with what ``online`` (best first, not empty) adds to these; ties by id.

    What the ranker does not know, and scores as minus infinity, is left out.

    The ranker learned what users do in the weeks after a moment, not what they do next in a visit: what was done a
    moment ago is one more opinion beside those of the generators, whose shares it adds up in the same way.
    """
    best = online[0][1] or 1.0
    added = {item_id: online_weight * similarity / best for item_id, similarity, *_ in online}
    scored = [
        (item_id, score + added.get(item_id, 0.0), source, because)
        for (item_id, _, source, because), score in zip(candidates, scores, strict=True)
        if isfinite(score)
    ]
    return sorted(scored, key=lambda candidate: (-candidate[1], candidate[0]))


def to_be_ranked(book: SiteBook, standing: Standing) -> list[ReleaseKey]:
    """Releases that answer, or may soon have to, of sites that want their items ranked."""

    def wants(site: SiteId) -> bool:
        try:
            return book.get(site).serving.online_ranking.enabled
        except (Problem, ConfigError):
            return False

    return [release for release in standing.releases if wants(release.site)]


def _timed(
    scorer: "Scorer", user_id: UserId, items: list[ItemId], told: list["Told"]
) -> tuple[list[float] | None, float]:
    """The scores, and the seconds that they took."""
    started = perf_counter()
    scores = scorer.scores(user_id, items, told)
    return None if scores is None else scores.tolist(), perf_counter() - started


def _opened(path: Path) -> "Scorer":
    """Imported only here: a worker of other sites never has these libraries."""
    from recsys.serving.scoring.scorer import Scorer

    return Scorer(path)
