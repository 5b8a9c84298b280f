"""What a committed partition says of itself: which objects it has, and what became of every raw row."""

import hashlib
from collections.abc import Iterable
from datetime import date, datetime

from pydantic import NonNegativeInt

from recsys.datasets.tables import QUARANTINED
from recsys.events.counts import RowCounts
from recsys.events.raw import SourceFile
from recsys.types import Frozen, SiteId


class Partition(Frozen):
    """One site, one UTC day."""

    site: SiteId
    day: date


class DataObject(Frozen):
    """One table's rows of one partition."""

    key: str
    rows: NonNegativeInt
    content_hash: str
    "sha256 of the Parquet bytes."
    first_time: datetime | None
    last_time: datetime | None
    "Both inclusive, UTC; None without rows or where the table has no time."


class UndatedManifest(Frozen):
    """The committed rows of a site whose day cannot be told: quarantine alone."""

    site: SiteId
    tables: dict[str, DataObject]
    "By table name, as in ``recsys.datasets.tables``."
    counts: RowCounts
    source_files: tuple[SourceFile, ...]


class Manifest(UndatedManifest):
    """One committed UTC day. Replacing this one object is the commit, so its tables always belong together."""

    day: date

    @property
    def content_hash(self) -> str:
        """sha256 over what happened that day: every table but the quarantine."""
        return data_hash([self])


def data_hash(manifests: Iterable[Manifest]) -> str:
    """sha256 over site, day and content of these partitions, in whatever order they come; quarantine does not count."""
    lines = sorted(
        f"{manifest.site} {manifest.day} {name} {data.content_hash}\n"
        for manifest in manifests
        for name, data in manifest.tables.items()
        if name != QUARANTINED
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()
