"""The event log: partitions of one site and one UTC day or hour, each whole or absent.

Layout under the store: ``events/<site>/manifests/<partition>.json`` names the data objects of that partition, which
lie in ``events/<site>/data/<table>/<partition>/<sha256>.parquet``. Data objects are written first, under names made of
their content; then the manifest is replaced in one step. A writer that dies before that leaves the old partition as it
was, and at most some objects that no manifest names; ``remove_unnamed`` takes them away. A reader that holds an older
manifest can go on reading until then.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from io import BytesIO
from typing import Final, TypeVar

import polars as pl

from recsys.datasets.blobs import Blobs
from recsys.datasets.manifest import DataObject, Manifest, Partition, UndatedManifest, data_hash
from recsys.datasets.tables import QUARANTINED, TABLES, Table
from recsys.events.counts import RowCounts
from recsys.events.raw import SourceFile
from recsys.events.schema import require
from recsys.types import SiteId

__all__ = ["DatasetStore", "data_hash"]

Found = TypeVar("Found", bound=UndatedManifest)

UNDATED: Final = "undated"
ISO_DAY: Final = len("2026-01-31")
PLACE: Final = "place"
"The column that says which object a row is from."
READERS: Final = 16
"Manifests fetched at once."


class DatasetStore:
    """Partitions on any ``Blobs``. Several may commit at once; of two commits of one partition the later one stays."""

    def __init__(self, blobs: Blobs) -> None:
        self.blobs = blobs

    def commit(
        self,
        partition: Partition,
        frames: Mapping[str, pl.DataFrame],
        *,
        counts: RowCounts,
        source_files: Sequence[SourceFile] = (),
        made_by: str = "",
    ) -> Manifest:
        """Replaces the partition in one step; the same rows, in any order, give the same bytes and hashes.

        Args:
            partition: which site, day and perhaps hour.
            frames: by table name, each in its table's schema; tables left out are empty.
            counts: where every raw row of the partition went.
            source_files: what was read.
            made_by: hash of how it was read.

        Raises:
            SchemaError: a frame is not in its table's schema; nothing was written.
            StoreError: the store did not take it; the old partition, if any, is untouched.
        """
        whole = {name: frames.get(name, pl.DataFrame(schema=table.schema)) for name, table in TABLES.items()}
        manifest = Manifest(
            site=partition.site,
            day=partition.day,
            hour=partition.hour,
            tables=self._write(partition.site, partition.key, whole),
            counts=counts,
            source_files=tuple(source_files),
            made_by=made_by,
        )
        self._switch(manifest, partition.key)
        return manifest

    def commit_undated(
        self, site: SiteId, quarantine: pl.DataFrame, *, counts: RowCounts, source_files: Sequence[SourceFile] = ()
    ) -> UndatedManifest:
        """Replaces the rows of ``site`` whose day cannot be told (schema QUARANTINE); else as ``commit``."""
        tables = self._write(site, UNDATED, {QUARANTINED: quarantine})
        manifest = UndatedManifest(site=site, tables=tables, counts=counts, source_files=tuple(source_files))
        self._switch(manifest, UNDATED)
        return manifest

    def manifests(self, site: SiteId, first: date | None = None, before: date | None = None) -> list[Manifest]:
        """Committed partitions from ``first`` (inclusive) until ``before`` (exclusive), in order; None is open."""
        days = {key: _name(key)[:ISO_DAY] for key in self.blobs.list(_manifest_key(site, ""))}
        wanted = [
            key
            for key, day in days.items()
            if day != UNDATED
            and (first is None or date.fromisoformat(day) >= first)
            and (before is None or date.fromisoformat(day) < before)
        ]
        with ThreadPoolExecutor(READERS) as readers:
            return [Manifest.model_validate_json(content) for content in readers.map(self.blobs.get, wanted)]

    def undated(self, site: SiteId) -> UndatedManifest | None:
        """The rows whose day cannot be told; None where there never were any."""
        key = _manifest_key(site, UNDATED)
        return UndatedManifest.model_validate_json(self.blobs.get(key)) if self.blobs.exists(key) else None

    def scan(self, table: str, site: SiteId, first: date | None = None, before: date | None = None) -> pl.LazyFrame:
        """The rows of one table from ``first`` (inclusive) until ``before`` (exclusive), days in order.

        Within a day rows are in the order of ``TABLES[table]``. No partition is an empty frame of the same schema. Rows
        without a day are not part of it; see ``undated``.
        """
        return self.read(table, self.manifests(site, first, before))

    def read(self, table: str, manifests: Sequence[UndatedManifest]) -> pl.LazyFrame:
        """The rows of one table of exactly these partitions, in this order; lazily.

        Partitions that an older version wrote are read too: a table or a column that it did not have is empty.
        """
        objects = [manifest.tables[table] for manifest in manifests if table in manifest.tables]
        locations = [self.blobs.location(data.key) for data in objects if data.rows]
        if not locations:
            return pl.LazyFrame(schema=TABLES[table].schema)
        return pl.scan_parquet(
            locations,
            schema=TABLES[table].schema,
            missing_columns="insert",
            storage_options=self.blobs.storage_options,
            hive_partitioning=False,
            glob=False,
        )

    def having(self, table: str, manifests: Sequence[Found], condition: pl.Expr) -> list[Found]:
        """Those of ``manifests`` of whose rows in one table some meet ``condition``."""
        by_place = {
            self.blobs.location(each.tables[table].key): each
            for each in manifests
            if table in each.tables and each.tables[table].rows
        }
        if not by_place:
            return []
        rows = pl.scan_parquet(
            list(by_place),
            storage_options=self.blobs.storage_options,
            hive_partitioning=False,
            glob=False,
            include_file_paths=PLACE,
        )
        places = rows.filter(condition).select(pl.col(PLACE).unique()).collect().to_series()
        return [by_place[place] for place in places.sort()]

    def unnamed(self, site: SiteId, *, older_than: datetime) -> list[str]:
        """Keys of the data objects that no manifest names and that were last written before ``older_than`` (UTC).

        Keep ``older_than`` further back than the longest run, for readers that hold an older manifest and writers that
        have not switched yet.
        """
        old = {key for key, when in self.blobs.modified(f"events/{site}/data/").items() if when < older_than}
        undated = self.undated(site)
        named = [*self.manifests(site), *([undated] if undated else [])]
        return sorted(old - {data.key for manifest in named for data in manifest.tables.values()})

    def remove_unnamed(self, site: SiteId, *, older_than: datetime) -> int:
        """Removes what ``unnamed`` finds; returns how many objects there were."""
        unnamed = self.unnamed(site, older_than=older_than)
        for key in unnamed:
            self.blobs.delete(key)
        return len(unnamed)

    def _write(self, site: SiteId, partition: str, frames: Mapping[str, pl.DataFrame]) -> dict[str, DataObject]:
        contents = {
            name: _in_order(frame, TABLES[name], name=f"{site}, {partition}, {name}") for name, frame in frames.items()
        }
        return {name: self._put(f"events/{site}/data/{name}/{partition}", *each) for name, each in contents.items()}

    def _put(self, folder: str, frame: pl.DataFrame, table: Table) -> DataObject:
        buffer = BytesIO()
        frame.write_parquet(buffer, compression="zstd", compression_level=3, statistics=True)
        content = buffer.getvalue()
        digest = hashlib.sha256(content).hexdigest()
        key = f"{folder}/{digest}.parquet"
        self.blobs.put(key, content)
        first, last = (frame[table.time].min(), frame[table.time].max()) if table.time else (None, None)
        times = {"first_time": first, "last_time": last}
        hashes = {"content_hash": digest, "md5": hashlib.md5(content, usedforsecurity=False).hexdigest()}
        return DataObject.model_validate({"key": key, "rows": frame.height, **hashes, **times})

    def _switch(self, manifest: UndatedManifest, name: str) -> None:
        content = json.dumps(manifest.model_dump(mode="json"), sort_keys=True, indent=1, ensure_ascii=False)
        self.blobs.put(_manifest_key(manifest.site, name), content.encode())


def _manifest_key(site: SiteId, name: str) -> str:
    return f"events/{site}/manifests/{name}.json" if name else f"events/{site}/manifests/"


def _name(manifest_key: str) -> str:
    return manifest_key.rsplit("/", 1)[1].removesuffix(".json")


def _in_order(frame: pl.DataFrame, table: Table, *, name: str) -> tuple[pl.DataFrame, Table]:
    return require(frame, table.schema, name=name).sort(table.order, nulls_last=True).rechunk(), table
