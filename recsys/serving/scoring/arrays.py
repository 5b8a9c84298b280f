"""The parts of a release's ranker as flat files in one folder of this host, mapped and shared by all workers.

A folder appears whole under its name or not at all; one of which a file was cut or changed is refused when opened.
It names no user: users and items are found by 64 bits of a hash of their ids.
"""

import json
import mmap
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsys import columns as c
from recsys.errors import StoreError
from recsys.serving.scoring.form import DOCUMENTS

KINDS: Final = (c.TASTES, c.ENCOUNTERS, c.EVIDENCE)
ARRAYS: Final[dict[str, str]] = {
    "item_hashes": "<u8", "hashed_items": "<u4", "item_facts": "<f8", "item_categories": "<i4",
    "user_hashes": "<u8", "hashed_users": "<u4", "user_facts": "<f8",
    **{name: of for kind in KINDS for name, of in ((f"{kind}_at", "<u8"), (c.keys_of(kind), "<u4"), (kind, "<f4"))},
}  # fmt: skip
"""Files and the type of their numbers. ``x_hashes`` is sorted and ``hashed_x`` has the number for each; what is known
of user ``n`` lies in ``kind`` from ``kind_at[n]`` to ``kind_at[n + 1]``."""
SUMS: Final = "sums.json"
BLOCK: Final = 1 << 24


def close_up(folder: Path) -> None:
    """Every file of the folder has its CRC-32 in ``SUMS``."""
    sums = {name: crc_of(folder / name) for name in (*ARRAYS, *DOCUMENTS)}
    (folder / SUMS).write_text(json.dumps(sums), encoding="utf-8")


def open_arrays(folder: Path) -> Mapping[str, NDArray[Any]]:
    """The arrays by name, one-dimensional and read-only.

    Raises:
        StoreError: a file is missing, cut or changed.
    """
    try:
        sums = json.loads((folder / SUMS).read_text(encoding="utf-8"))
        changed = [name for name, crc in sums.items() if crc_of(folder / name) != crc]
    except (OSError, ValueError) as fault:
        raise StoreError(
            f"{folder.name}: found no readable parts of a ranker ({fault}); they are made again"
        ) from fault
    if changed or sums.keys() != {*ARRAYS, *DOCUMENTS}:
        raise StoreError(f"{folder.name}: found {changed or sorted(sums)} cut or changed, expected them as written")
    return {name: _mapped(folder / name, kind) for name, kind in ARRAYS.items()}


def crc_of(path: Path) -> int:
    """CRC-32 of a file."""
    crc = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            crc = zlib.crc32(block, crc)
    return crc


def _mapped(path: Path, kind: str) -> NDArray[Any]:
    if not path.stat().st_size:
        return np.empty(0, dtype=kind)
    with path.open("rb") as file:
        return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), dtype=kind)
