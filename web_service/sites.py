"""The sites that are served, read from their YAML; a file added counts at once, a changed one within a second."""

import re
import time
from dataclasses import dataclass
from pathlib import Path

from recsys.errors import UnknownSiteError
from recsys.sites import SiteConfig, load_site, site_ids
from recsys.types import SiteId
from web_service.problems import Problem

LOOK_AGAIN = 0.5
"Seconds for which a file that was looked at is believed."
SITE_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class _Read:
    looked_at: float
    stamp: tuple[int, int]
    config: SiteConfig


class SiteBook:
    """Configurations by site, each read once per version of its file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[SiteId, _Read] = {}

    def ids(self) -> list[SiteId]:
        """The sites that have a file now."""
        return site_ids(self._folder)

    def get(self, site: SiteId) -> SiteConfig:
        """The site as its file says now, or said a moment ago.

        Raises:
            Problem: 404, there is no such site.
            ConfigError: the file has faults.
        """
        now = time.monotonic()
        read = self._known.get(site)
        if read is not None and now < read.looked_at + LOOK_AGAIN:
            return read.config
        try:
            if not SITE_NAME.fullmatch(site):
                raise UnknownSiteError(site)
            status = (self._folder / f"{site}.yaml").stat()
            stamp = (status.st_mtime_ns, status.st_size)
            same = read is not None and read.stamp == stamp
            config = read.config if read is not None and same else load_site(self._folder, site)
            self._known[site] = _Read(now, stamp, config)
            return config
        except (FileNotFoundError, UnknownSiteError):
            self._known.pop(site, None)
            raise Problem(
                404,
                "unknown-site",
                f"found {site[:60]!a}, expected one of: {', '.join(self.ids()) or 'none is set up yet'}",
            ) from None
