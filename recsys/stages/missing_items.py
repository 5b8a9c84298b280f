"""Which items were seen and are not known, and which of them may be asked for now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from recsys import columns as c
from recsys.datasets.fetched import TELLS, FetchedItems
from recsys.datasets.manifest import Manifest
from recsys.datasets.store import DatasetStore
from recsys.datasets.tables import IMPRESSED, INTERACTED, UPDATED
from recsys.events.fetching.outcomes import Fault
from recsys.events.fetching.params import ContentApiParams
from recsys.types import ItemId


@dataclass(frozen=True)
class MissingItems:
    """Items seen: those known, those that it is too early to ask for again, and those wanted."""

    seen: int
    known: int
    too_early: int
    wanted: list[ItemId]
    "Most seen first."
    left_out: frozenset[ItemId]
    "Items that a rule left out the last time something was told of them, so that they count as unavailable."


def missing_items(
    datasets: DatasetStore,
    fetched: FetchedItems,
    looked_at: Sequence[Manifest],
    log: Sequence[Manifest],
    params: ContentApiParams,
    now: datetime,
) -> MissingItems:
    """What is missing at ``now`` of the items in the partitions ``looked_at``.

    An item is known when anything that the API is asked for, but its availability, was told of it: in the log
    (partitions ``log``), or by the API. With ``refresh_days``, only if it was told within that time.
    """
    outcomes = fetched.scan().select(c.ITEM_ID, c.TIMESTAMP, c.REASON, c.LASTING, c.AVAILABLE).collect()
    outcomes = outcomes.sort(c.TIMESTAMP)
    seen = _seen(datasets, looked_at)
    told = pl.concat(
        [
            datasets.read(UPDATED, log).filter(_has_metadata(params)).select(c.ITEM_ID, c.TIMESTAMP).collect(),
            outcomes.filter(pl.col(c.REASON).is_null()).select(c.ITEM_ID, c.TIMESTAMP),
        ]
    )
    if params.refresh_days is not None:
        told = told.filter(pl.col(c.TIMESTAMP) > now - timedelta(days=params.refresh_days))
    unknown = seen.join(told, on=c.ITEM_ID, how="anti", maintain_order="left")
    patience = (
        pl.when(pl.col(c.LASTING))
        .then(pl.lit(timedelta(days=params.bad_for_days)))
        .otherwise(pl.lit(timedelta(hours=params.failed_for_hours)))
    )
    last = outcomes.unique(c.ITEM_ID, keep="last", maintain_order=True)
    bad = last.filter(pl.col(c.REASON).is_not_null() & (pl.col(c.TIMESTAMP) + patience > now))
    wanted = unknown.join(bad, on=c.ITEM_ID, how="anti", maintain_order="left")[c.ITEM_ID].to_list()
    last_told = outcomes.filter(TELLS).unique(c.ITEM_ID, keep="last", maintain_order=True)
    left_out = last_told.filter(pl.col(c.REASON) == Fault.EXCLUDED_BY_RULE.value)[c.ITEM_ID].to_list()
    return MissingItems(
        seen=seen.height,
        known=seen.height - unknown.height,
        too_early=unknown.height - len(wanted),
        wanted=wanted,
        left_out=frozenset(left_out),
    )


def _seen(datasets: DatasetStore, manifests: Sequence[Manifest]) -> pl.DataFrame:
    """One row per item that somebody was shown or did something to, the most frequent first."""
    used = datasets.read(INTERACTED, manifests).select(c.ITEM_ID)
    shown = datasets.read(IMPRESSED, manifests).select(pl.col(c.ITEMS).explode().alias(c.ITEM_ID))
    counted = pl.concat([used, shown]).drop_nulls().group_by(c.ITEM_ID).agg(pl.len().alias(c.WEIGHT))
    return counted.sort([c.WEIGHT, c.ITEM_ID], descending=[True, False]).select(c.ITEM_ID).collect()


def _has_metadata(params: ContentApiParams) -> pl.Expr:
    names = [name for name in params.fields if name != c.AVAILABLE] + [c.ATTRIBUTES] * bool(params.attributes)
    return pl.any_horizontal(pl.lit(False), *(pl.col(name).is_not_null() for name in names))
