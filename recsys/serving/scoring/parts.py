"""Tables of a release that its ranker needs at request time; only releases of sites that ask for it have them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import polars as pl
import polars.selectors as cs
import pyarrow.parquet as pq

from recsys import columns as c
from recsys.serving.release_parts import Part
from recsys.serving.scoring.arrays import KINDS
from recsys.serving.scoring.form import DOCUMENTS, FORM, ITEMS, USERS

BATCH_ROWS: Final = 2000
"Users that are in memory at a time, with all that is known of them."


def _packed(path: Path) -> Iterator[pl.DataFrame]:
    """The rows of a file, its bytes in Postgres' text form."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=BATCH_ROWS):
            rows = pl.DataFrame(batch)
            yield rows.with_columns(_text(rows, name) for name in rows.select(cs.binary()).columns)


def _documents(folder: Path, names: Sequence[str]) -> Iterator[pl.DataFrame]:
    contents = [(folder / name).read_bytes() for name in names]
    rows = pl.DataFrame({_NAME: names, _CONTENT: contents})
    yield rows.with_columns(_text(rows, _CONTENT))


def _whole(folder: Path) -> Iterator[pl.DataFrame]:
    return _documents(folder, sorted(path.name for path in folder.iterdir()))


def _text(rows: pl.DataFrame, name: str) -> pl.Series:
    return ("\\x" + rows[name].bin.encode("hex")).alias(name)


_NAME, _CONTENT = "name", "content"
_PACKED = tuple(name for kind in KINDS for name in (c.keys_of(kind), kind))

RANKER_PARTS: Final = (
    Part("ranker_file", FORM, (_NAME, _CONTENT), "count(*)", lambda folder: _documents(folder, DOCUMENTS)),
    Part("ranker_item", ITEMS, (c.ITEM_ID, c.CATEGORY, c.FACTS), "count(*)", lambda folder: _packed(folder / ITEMS)),
    Part("ranker_user", USERS, (c.USER_ID, c.FACTS, *_PACKED), "count(*)", lambda folder: _packed(folder / USERS)),
)

MODEL_PART: Final = Part("ranker_file", "model", (_NAME, _CONTENT), "count(*)", _whole)
"""A folder of model files: all that the release of a predictor has in Postgres."""
