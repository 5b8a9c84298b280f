"""What a committed partition says of itself: which objects it has, and what became of every raw row."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Self

from pydantic import Field, NonNegativeInt

from recsys.datasets.tables import QUARANTINED
from recsys.events.counts import RowCounts
from recsys.events.raw import SourceFile
from recsys.types import Frozen, SiteId

Hour = Annotated[int, Field(ge=0, le=23)]


class Partition(Frozen):
    """One site, one UTC day; or one hour of it, where the site's partitions are hours."""

    site: SiteId
    day: date
    hour: Hour | None = None

    @classmethod
    def starting(cls, site: SiteId, start: datetime, *, hourly: bool) -> Self:
        """The partition that starts at ``start``, UTC."""
        return cls(site=site, day=start.date(), hour=start.hour if hourly else None)

    @property
    def key(self) -> str:
        """As ``2026-01-31``, or ``2026-01-31T05``."""
        return self.day.isoformat() if self.hour is None else f"{self.day}T{self.hour:02}"

    @property
    def start(self) -> datetime:
        return datetime.combine(self.day, time(self.hour or 0), UTC)

    @property
    def end(self) -> datetime:
        """Exclusive."""
        return self.start + (timedelta(days=1) if self.hour is None else timedelta(hours=1))


class DataObject(Frozen):
    """One table's rows of one partition."""

    key: str
    rows: NonNegativeInt
    content_hash: str
    "sha256 of the Parquet bytes."
    md5: str = ""
    "md5 of the same bytes: what DVC knows a file by."
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
    """One committed partition. Replacing this one object is the commit, so its tables always belong together."""

    day: date
    hour: Hour | None = None
    made_by: str = ""
    "Hash of the code and configuration that read the source files; empty: another way, or not known."

    @property
    def partition(self) -> Partition:
        return Partition(site=self.site, day=self.day, hour=self.hour)

    @property
    def content_hash(self) -> str:
        """sha256 over what happened then: every table but the quarantine."""
        return data_hash([self])


def data_hash(manifests: Iterable[Manifest]) -> str:
    """sha256 over site, time and content of these partitions, in any order; quarantine does not count."""
    lines = sorted(
        f"{manifest.site} {manifest.partition.key} {name} {data.content_hash}\n"
        for manifest in manifests
        for name, data in manifest.tables.items()
        if name != QUARANTINED
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()
