"""Releases of any size whose items tell which release they are of."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from recsys import columns as c
from recsys.releases import files as f
from recsys.releases.manifest import ReleaseManifest
from recsys.serving import publishing
from recsys.serving.files import CATALOGUE, RECOMMENDATIONS, SIMILAR, TOP_POPULAR
from recsys.stages.context import StageContext

SITE = "shop"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
YAML = """\
site: shop
source: {kind: simulator}
interactions:
  - {name: view, weight: 1.0}
  - {name: purchase, weight: 5.0}
serving: {slate_size: 100}
retention: {keep_releases: 3}
"""
SOURCES = np.array(["ranked:als", "ranked:ease", "ranked:item_item", "ranked:popularity"])
BATCH = 20_000


def write_files(folder: Path, prefix: str, *, users: int, items: int, slate: int = 100) -> dict[str, int]:
    """The four files of a release whose items are called ``<prefix>00042``; returns rows by file."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = np.array([f"{prefix}{number:05}" for number in range(items)])
    frames = {
        f.ITEMS: pl.DataFrame(
            {
                c.ITEM_ID: ids,
                c.TITLE: [f"Title of {item}" for item in ids],
                c.CATEGORY: ["books"] * items,
                c.PRICE: np.arange(items, dtype=float),
                c.AVAILABLE: [True] * items,
            },
            schema=CATALOGUE,
        ),
        f.TOP_POPULAR: _ranked(TOP_POPULAR, [""] * 100, ids[:100]),
        f.SIMILAR: pl.concat(
            _ranked(SIMILAR, [item] * 20, np.roll(ids, -place - 1)[:20]) for place, item in enumerate(ids[:1000])
        ),
    }
    for name, frame in frames.items():
        frame.write_parquet(folder / name)
    writer = None
    for batch in slates(ids, users=users, slate=slate):
        table = batch.to_arrow()
        writer = writer or pq.ParquetWriter(folder / f.RECOMMENDATIONS, table.schema, compression="zstd")
        writer.write_table(table)
    assert writer is not None
    writer.close()
    return {name: frame.height for name, frame in frames.items()} | {f.RECOMMENDATIONS: users}


def slates(ids: np.ndarray, *, users: int, slate: int) -> Iterator[pl.DataFrame]:
    """Slates of ``users`` users in batches, schema RECOMMENDATIONS; every third item has items that led to it.

    Everybody had bought two items and seen eight others.
    """
    rng = np.random.default_rng(7)
    because = [[[ids[place % 7], ids[place % 11]] if place % 3 == 0 else [] for place in range(slate)]]
    for first in range(0, users, BATCH):
        count = min(BATCH, users - first)
        starts = rng.integers(0, len(ids), count)
        picked = ids[(starts[:, None] + np.arange(slate) * 7) % len(ids)]
        scores = np.sort(rng.random((count, slate), dtype=np.float32), axis=1)[:, ::-1]
        yield pl.DataFrame(
            {
                c.USER_ID: [f"user_{number:08}" for number in range(first, first + count)],
                c.ITEM_IDS: pl.Series(picked).arr.to_list(),
                c.SCORES: pl.Series(np.ascontiguousarray(scores)).arr.to_list(),
                c.SOURCES: pl.Series(SOURCES[rng.integers(0, 4, (count, slate))]).arr.to_list(),
                c.BECAUSE_ITEMS: pl.Series(because).new_from_index(0, count),
                c.EXCLUDED_ITEMS: pl.Series([[]], dtype=pl.List(pl.String)).new_from_index(0, count),
                c.BOUGHT_ITEMS: pl.Series([ids[-2:].tolist()]).new_from_index(0, count),
                c.SEEN_ITEMS: pl.Series([ids[-10:-2].tolist()]).new_from_index(0, count),
            }
        ).cast(RECOMMENDATIONS)


def store_release(context: StageContext, release_id: str, folder: Path, rows: dict[str, int], *, age: int = 0) -> None:
    """The files lie on the object store as those of a gated release, ``age`` days old; nothing is published."""
    store = f.ReleaseFiles(context.blobs, SITE, release_id)
    manifest = ReleaseManifest(
        release_id=release_id,
        site=SITE,
        as_of=NOON,
        data_hash="0",
        partitions=0,
        config_hash="0",
        code_version="0",
        feature_hash="0",
        seed=7,
    )
    entries: dict[str, dict[str, object]] = {}
    for name, count in rows.items():
        entries[name] = {**store.put_bytes(name, (folder / name).read_bytes()), "rows": count}
    for name in set(f.EXPORTED) - set(rows) - {f.MANIFEST}:
        entries[name] = store.put_bytes(name, name.encode())
    manifest = manifest.with_files(entries)
    store.put_json(f.MANIFEST, manifest.model_dump(mode="json"))
    at = context.now() - timedelta(days=age)
    publishing.record_release(
        context.dsn, SITE, release_id, as_of=NOON, at=at, state="gated", manifest=manifest.model_dump(mode="json")
    )


def _ranked(schema: pl.Schema, keys: list[str], items: np.ndarray) -> pl.DataFrame:
    count = len(items)
    return pl.DataFrame([keys, items, np.arange(count, 0, -1.0), np.arange(1, count + 1)], schema=schema)
