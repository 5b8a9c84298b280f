"""The snapshots of this host: one file for each release that answers or may soon have to, shared by all workers.

A file is made by a process of its own, at low priority, while requests are answered from Postgres or from the release
before. One worker of a host has it made; the others wait for the file.
"""

import asyncio
import fcntl
import json
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, TextIO

from recsys.errors import StoreError
from recsys.layout import Settings
from recsys.serving.reading import ReleaseKey
from recsys.serving.snapshot import Snapshot
from recsys.types import ReleaseId, SiteId

log = logging.getLogger(__name__)

SUFFIX: Final = ".snapshot"
LIVE: Final = "live.json"
WAIT: Final = 0.2
"""Seconds between two looks whether another worker has made the file."""
AGAIN: Final = 30.0
"""Seconds until a snapshot that could not be made is tried again."""
MAKE: Final = (sys.executable, "-m", "recsys.serving.snapshot")


class Snapshots:
    """Opens snapshots, has the missing ones made, and takes away those that nobody needs."""

    def __init__(self, settings: Settings, changed: Callable[[], None]) -> None:
        """``changed`` is called when a snapshot became ready."""
        self._settings = settings
        self._folder = settings.recsys_home / "snapshots"
        self._changed = changed
        self._open: dict[ReleaseId, Snapshot] = {}
        self._coming: dict[ReleaseId, asyncio.Task[None]] = {}
        self._not_before: dict[ReleaseId, float] = {}

    def get(self, release: ReleaseKey) -> Snapshot | None:
        """The snapshot of the release, when it is ready on this host."""
        return self._open.get(release.release_id)

    def want(self, releases: Iterable[ReleaseKey]) -> None:
        """Snapshots of these releases are there soon, and no others; returns at once."""
        if not self._settings.recsys_snapshot_users:
            return
        wanted = {release.release_id: release for release in releases}
        for release_id, release in wanted.items():
            if release_id in self._open or release_id in self._coming:
                continue
            if asyncio.get_running_loop().time() >= self._not_before.get(release_id, 0.0):
                self._coming[release_id] = asyncio.create_task(self._fetch(release))
        for release_id in self._open.keys() - wanted.keys():
            del self._open[release_id]
        for path in self._folder.glob(f"*/*{SUFFIX}"):
            if path.name.removesuffix(SUFFIX) not in wanted:
                path.unlink(missing_ok=True)

    def remember(self, live: Mapping[SiteId, ReleaseId]) -> None:
        """A worker that starts while Postgres is away finds which releases answered last, if the disk takes it."""
        if not self._settings.recsys_snapshot_users:
            return
        aside = self._folder / f"{LIVE}.{os.getpid()}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            aside.write_text(json.dumps(live), encoding="utf-8")
            aside.rename(self._folder / LIVE)
        except OSError as fault:
            log.error("the disk does not take which releases are live: %s", fault)

    def remembered(self) -> list[Snapshot]:
        """The snapshots that answered last, opened; those that are gone or broken are left out."""
        snapshots = []
        try:
            live = json.loads((self._folder / LIVE).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return []
        for site, release_id in live.items():
            with suppress(StoreError):
                snapshots.append(Snapshot(self._path(site, release_id)))
        self._open |= {snapshot.key.release_id: snapshot for snapshot in snapshots}
        return snapshots

    async def close(self) -> None:
        """Nothing is being made any more."""
        for task in list(self._coming.values()):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _path(self, site: SiteId, release_id: ReleaseId) -> Path:
        return self._folder / site / f"{release_id}{SUFFIX}"

    async def _fetch(self, release: ReleaseKey) -> None:
        path = self._path(release.site, release.release_id)
        found = path.exists()
        try:
            await self._make(release, path)
            self._open[release.release_id] = await asyncio.to_thread(Snapshot, path)
            self._changed()
        except (StoreError, OSError) as fault:
            log.warning("release %s has no snapshot, Postgres answers for it: %s", release.release_id, fault)
            path.unlink(missing_ok=True)
            if not found:  # one that was broken on disk is made again at once
                self._not_before[release.release_id] = asyncio.get_running_loop().time() + AGAIN
        finally:
            del self._coming[release.release_id]

    async def _make(self, release: ReleaseKey, path: Path) -> None:
        """The file is there, made by this worker or by another of this host."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_suffix(".lock").open("w") as lock:
            while not _locked(lock):
                await asyncio.sleep(WAIT)
            if path.exists():
                return
            for left in path.parent.glob(f".{path.stem}-*"):  # by one that was killed
                shutil.rmtree(left)
            await self._run(*MAKE, release.release_id, str(path), str(self._settings.recsys_snapshot_users))

    async def _run(self, *command: str) -> None:
        environment = {**os.environ, **self._settings.environment()}
        making = await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.PIPE)
        try:
            _, said = await making.communicate()
        except asyncio.CancelledError:
            making.terminate()
            await making.wait()
            raise
        if making.returncode:
            raise StoreError(said.decode(errors="replace").strip().rpartition("\n")[2])


def _locked(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
