"""Item updates that became known too late for the partition of their time."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from recsys import columns as c
from recsys.datasets.manifest import Manifest, Partition
from recsys.datasets.store import DatasetStore
from recsys.datasets.tables import UPDATED


def lacking_updates(
    datasets: DatasetStore, log: Sequence[Manifest], updates: pl.LazyFrame
) -> tuple[list[Partition], list[date]]:
    """Partitions of ``log`` that lack some of ``updates``, in order; and the UTC days of those without a partition.

    Args:
        datasets: the event log.
        log: the partitions that are looked at.
        updates: columns of ITEM_UPDATES, at least item_id and timestamp; two rows alike in them are one.
    """
    row = updates.collect_schema().names()
    written = datasets.read(UPDATED, log).select(row)
    lacking = updates.join(written, on=row, how="anti", nulls_equal=True).select(c.TIMESTAMP).collect()
    there = {manifest.partition.key: manifest.partition for manifest in log}
    partitions, days = dict[str, Partition](), dict[date, None]()
    for hour in lacking[c.TIMESTAMP].dt.truncate("1h").unique().sort().to_list():
        keys = (Partition.starting("", hour, hourly=hourly).key for hourly in (False, True))
        found = [there[key] for key in keys if key in there]
        partitions |= {partition.key: partition for partition in found}
        if not found:
            days[hour.date()] = None
    return list(partitions.values()), list(days)
