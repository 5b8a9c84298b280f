"""Where sorted-out rows wait for the rest of their partition: in memory up to a limit, beyond it on disk."""

from collections import defaultdict
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Final, Self

import polars as pl

from recsys import columns as c
from recsys.events.partition import Checked, settled
from recsys.events.raw import RAW
from recsys.events.schema import ITEM_UPDATES, QUARANTINE

GOOD: Final = "good"
ASIDE: Final = "aside"
UPDATES: Final = "updates"
SCHEMAS: Final = {
    GOOD: pl.Schema({name: kind for name, kind in RAW.items() if name not in (c.SOURCE_FILE, c.SOURCE_LINE, c.REASON)}),
    ASIDE: QUARANTINE,
    UPDATES: ITEM_UPDATES,
}
IN_MEMORY: Final = 256 * 2**20
"Bytes that may wait in memory."

Slot = datetime | None
"When a partition starts, UTC; None for rows whose time cannot be told."


class Shelf:
    """Rows by partition. Use it in a ``with``: what lies on disk is gone afterwards."""

    def __init__(self, *, in_memory: int = IN_MEMORY) -> None:
        self._in_memory = in_memory
        self._held: dict[tuple[Slot, str], list[pl.DataFrame]] = defaultdict(list)
        self._bytes = 0
        self._spilled: dict[tuple[Slot, str], list[Path]] = defaultdict(list)

    def __enter__(self) -> Self:
        self._folder = TemporaryDirectory(prefix="recsys-shelf-")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def put(self, kind: str, rows: pl.DataFrame) -> None:
        """Rows of ``SCHEMAS[kind]``, each with its partition."""
        names = SCHEMAS[kind].names()
        for (slot,), part in rows.partition_by(c.PARTITION, as_dict=True, maintain_order=True).items():
            self._held[slot, kind].append(part.select(names))
            self._bytes += int(part.estimated_size())
        if self._bytes > self._in_memory:
            self._spill()

    @property
    def slots(self) -> set[Slot]:
        """The partitions that have rows or item updates."""
        return {slot for slot, _ in (*self._held, *self._spilled)}

    def take(self, slot: Slot, *, same_content: bool = False) -> Checked:
        """The partition, settled; it is not on the shelf any more."""
        good, aside, updates = (self._all(slot, kind) for kind in (GOOD, ASIDE, UPDATES))
        return settled(good, aside, updates, same_content=same_content)

    def _all(self, slot: Slot, kind: str) -> pl.DataFrame:
        files = self._spilled.pop((slot, kind), [])
        frames = [pl.read_ipc(file) for file in files] + self._held.pop((slot, kind), [])
        for file in files:
            file.unlink()
        return pl.concat(frames) if frames else pl.DataFrame(schema=SCHEMAS[kind])

    def _spill(self) -> None:
        for (slot, kind), frames in self._held.items():
            files = self._spilled[slot, kind]
            moment = f"{slot:%Y%m%dT%H}" if slot else "undated"
            file = Path(self._folder.name) / f"{kind}-{moment}-{len(files)}.arrow"
            pl.concat(frames).write_ipc(file)
            files.append(file)
        self._held.clear()
        self._bytes = 0
