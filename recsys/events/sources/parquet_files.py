"""Parquet files of events, read by row groups."""

from collections.abc import Iterator, Sequence
from typing import Final, cast

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from recsys import columns as c
from recsys.errors import SourceError
from recsys.events.files import RawFile
from recsys.events.lines import Lines, refuse_reserved
from recsys.events.schema import QUARANTINE
from recsys.events.sources.source import Surroundings
from recsys.events.sources.tables import TableParams, TableSource, mapped

ROWS_AT_ONCE: Final = 500_000


class ParquetParams(TableParams):
    """Nothing more is to be said of Parquet."""


def read_parquet(file: RawFile, required: Sequence[str]) -> Iterator[Lines]:
    """All rows, some at a time; source_line counts rows from 1.

    Raises:
        SourceError: it is no whole Parquet file, or has not all columns ``required``.
    """
    with file.open_stored() as stored:
        try:
            table = pq.ParquetFile(stored)
            missing = [name for name in required if name not in table.schema_arrow.names]
            if missing:
                raise SourceError(
                    f"{file.location}: found the columns {', '.join(table.schema_arrow.names)}, expected also "
                    f"{', '.join(missing)}; correct source.params.columns in the site's YAML"
                )
            refuse_reserved(table.schema_arrow.names, file.location)
            line = 1
            for batch in table.iter_batches(batch_size=ROWS_AT_ONCE):
                rows = cast(pl.DataFrame, pl.from_arrow(batch)).with_columns(
                    pl.lit(file.name).alias(c.SOURCE_FILE),
                    pl.int_range(line, line + len(batch), dtype=pl.Int64).alias(c.SOURCE_LINE),
                )
                yield Lines(rows, pl.DataFrame(schema=QUARANTINE))
                line += len(batch)
        except (pa.ArrowException, OSError) as fault:
            raise SourceError(
                f"{file.location}: found no whole Parquet file ({fault}); expected one, fetch the file again"
            ) from None


def parquet_files(params: ParquetParams, surroundings: Surroundings) -> TableSource:
    """The source of kind ``parquet``."""
    return mapped(params, surroundings, read_parquet)
