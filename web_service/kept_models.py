"""The models of predictors on this host's disk: its workers share them, and start with them while Postgres is away.

``<home>/predictors/<site>/<surface>/`` has one folder for each release that is kept, and ``live``, a link to the one
that answered last. A folder is there whole or not at all; its hashes are checked whenever it is opened.
"""

import fcntl
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from recsys.serving.contracts import Surface
from recsys.serving.predictor_models import LOADERS
from recsys.types import ReleaseId, SiteId

log = logging.getLogger(__name__)

LIVE: Final = "live"
HASHES: Final = "sha256.json"
LOCK: Final = ".lock"


class KeptModels:
    """Writes models, opens them, and takes away those that nobody needs. Every method may wait for the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def remembered(self) -> dict[tuple[SiteId, Surface], ReleaseId]:
        """Which releases answered last on this host."""
        links = [
            (site, surface, site / surface / LIVE)
            for site in (self._folder.iterdir() if self._folder.is_dir() else ())
            for surface in LOADERS
        ]
        return {(site.name, surface): link.readlink().name for site, surface, link in links if link.is_symlink()}

    def bytes_of(self, site: SiteId, surface: Surface, release_id: ReleaseId) -> int:
        """The size of the model's files; 0 where they are not there."""
        with suppress(FileNotFoundError):  # another worker may just take it away
            return sum(file.stat().st_size for file in (self._folder / site / surface / release_id).iterdir())
        return 0

    def opened(self, site: SiteId, surface: Surface, release_id: ReleaseId) -> Any:
        """The model; None where it is not on the disk as it was written, and then it is gone.

        Raises:
            FeatureMismatch: it was trained by another version of this library.
        """
        path = self._folder / site / surface / release_id
        if not path.is_dir():
            return None
        if not _whole(path):
            log.error("%s is not what was written there; it is fetched again", path)
            shutil.rmtree(path, ignore_errors=True)
            return None
        try:
            return LOADERS[surface](path)
        except OSError:  # another worker has just taken it away
            return None

    def keep(self, site: SiteId, surface: Surface, release_id: ReleaseId, files: Mapping[str, bytes]) -> None:
        """The model's files are on the disk, written by this worker or by another.

        Raises:
            OSError: the disk does not take them.
        """
        shelf = self._folder / site / surface
        shelf.mkdir(parents=True, exist_ok=True)
        with (shelf / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for left in shelf.glob(".aside-*"):  # by one that was killed
                shutil.rmtree(left)
            if (shelf / release_id).exists():
                return
            aside = Path(tempfile.mkdtemp(dir=shelf, prefix=".aside-"))
            hashes = {name: sha256(content).hexdigest() for name, content in files.items()}
            for name, content in {**files, HASHES: json.dumps(hashes).encode()}.items():
                with (aside / name).open("wb") as file:
                    file.write(content)
                    os.fsync(file.fileno())
            aside.rename(shelf / release_id)

    def remember(self, site: SiteId, surface: Surface, release_id: ReleaseId) -> None:
        """This release answers; those before it are gone from the disk, if that allows it."""
        shelf = self._folder / site / surface
        with suppress(FileNotFoundError), (shelf / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            link = shelf / f".{LIVE}"
            link.unlink(missing_ok=True)
            link.symlink_to(release_id)
            link.rename(shelf / LIVE)
            for path in shelf.iterdir():
                if path.is_dir() and not path.is_symlink() and path.name != release_id:
                    shutil.rmtree(path, ignore_errors=True)


def _whole(path: Path) -> bool:
    """Whether the folder holds what was written, and nothing was changed."""
    try:
        hashes: dict[str, str] = json.loads((path / HASHES).read_text(encoding="utf-8"))
        return {file.name for file in path.iterdir()} == {*hashes, HASHES} and all(
            sha256((path / name).read_bytes()).hexdigest() == known for name, known in hashes.items()
        )
    except (OSError, ValueError):
        return False
