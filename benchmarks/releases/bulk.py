"""Publishing many users beside a plain COPY of the same arrays into a table without a key."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.releases.made import NOON, SITE, write_files
from recsys.releases import files as f
from recsys.serving import lifecycle, publishing
from recsys.serving.postgres import transaction
from recsys.serving.release_parts import PARTS
from recsys.serving.release_tables import table_name

SLATES = next(part for part in PARTS if part.table == "slate")
COLUMNS = "user_id text, item_ids text[], scores real[], sources text[], because text[], excluded text[]"


@dataclass
class Bulk:
    """Seconds and bytes."""

    users: int
    copy_seconds: float
    copy_bytes: int
    publish_seconds: float
    publish_bytes: int
    "Of the table of slates, with its index."
    activate_seconds: float

    @property
    def share(self) -> float:
        """Rows a second of publishing, as a share of those of the plain COPY."""
        return self.copy_seconds / self.publish_seconds


def measure(dsn: str, folder: Path, *, users: int, items: int) -> Bulk:
    """Both take in the same users; each stands alone in time."""
    rows = write_files(folder, "item_", users=users, items=items)
    text = folder / "plain.csv"
    with text.open("wb") as file:
        for batch in SLATES.batches(folder):
            file.write(publishing.csv_of(batch.select(SLATES.columns)).getbuffer())
    copy_seconds, copy_bytes = _copy(dsn, text)
    text.unlink()
    publishing.record_release(dsn, SITE, "item_", as_of=NOON, at=NOON, state="gated")
    began = time.monotonic()
    publishing.publish(dsn, SITE, "item_", folder, rows)
    publish_seconds = time.monotonic() - began
    publish_bytes = _size(dsn, f"recsys.{table_name('slate', 'item_')}")
    began = time.monotonic()
    lifecycle.activate(dsn, SITE, "item_", datetime.now(UTC))
    activate_seconds = time.monotonic() - began
    (folder / f.RECOMMENDATIONS).unlink()
    return Bulk(users, copy_seconds, copy_bytes, publish_seconds, publish_bytes, activate_seconds)


def _copy(dsn: str, text: Path) -> tuple[float, int]:
    began = time.monotonic()
    with transaction(dsn) as cursor:
        cursor.execute(f"CREATE TABLE public.plain ({COLUMNS})")
        with text.open("rb") as file:
            cursor.copy_expert("COPY public.plain FROM STDIN (FORMAT csv, QUOTE E'\\x01')", file, 1 << 20)
    seconds = time.monotonic() - began
    size = _size(dsn, "public.plain")
    with transaction(dsn) as cursor:
        cursor.execute("DROP TABLE public.plain")
    return seconds, size


def _size(dsn: str, table: str) -> int:
    with transaction(dsn) as cursor:
        cursor.execute("SELECT pg_total_relation_size(%s::regclass)", (table,))
        return int(cursor.fetchone()[0])
