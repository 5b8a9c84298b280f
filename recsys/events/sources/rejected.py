"""Lines that are not rows, as raw rows, so that they are counted and set aside like every other."""

import polars as pl

from recsys.events.raw import RAW


def as_raw(rejected: pl.DataFrame) -> pl.DataFrame:
    """``rejected`` (schema QUARANTINE) in the schema RAW; what is not known is null."""
    return rejected.select(
        pl.col(name) if name in rejected.schema else pl.lit(None, kind).alias(name) for name, kind in RAW.items()
    )
