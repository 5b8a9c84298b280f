"""Which items were seen and are not known, and which of them may be asked for now."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby

import polars as pl

from recsys import columns as c
from recsys.datasets.fetched import TELLS, FetchedItems
from recsys.datasets.manifest import Manifest
from recsys.datasets.store import DatasetStore
from recsys.datasets.tables import IMPRESSED, INTERACTED, UPDATED
from recsys.events.fetching.outcomes import Fault, Outcome, Refused
from recsys.events.fetching.params import ContentApiParams
from recsys.types import ItemId


@dataclass
class Knowledge:
    """What is known of items, and what was found out in vain; it grows while a run goes on."""

    known: set[ItemId] = field(default_factory=set)
    "Their metadata are there, and young enough."
    too_early: set[ItemId] = field(default_factory=set)
    "There was no good answer for them, and it is too early to ask again."
    left_out: set[ItemId] = field(default_factory=set)
    "A rule left them out the last time something was told of them, so that they count as unavailable."

    def missing(self, items: Sequence[ItemId]) -> list[ItemId]:
        """Those to ask for, in the same order."""
        return [item for item in items if item not in self.known and item not in self.too_early]

    def learn(self, outcome: Outcome) -> None:
        (self.too_early if isinstance(outcome.found, Refused) else self.known).add(outcome.item_id)


def what_is_known(
    datasets: DatasetStore, log: Sequence[Manifest], fetched: FetchedItems, params: ContentApiParams, now: datetime
) -> Knowledge:
    """What the log (its partitions ``log``) and earlier answers of the API say at ``now``.

    An item is known when anything that the API is asked for, but its availability, was told of it; with
    ``refresh_days``, only if it was told within that time.
    """
    outcomes = fetched.scan().select(c.ITEM_ID, c.TIMESTAMP, c.REASON, c.LASTING, c.AVAILABLE).collect()
    in_the_log = datasets.read(UPDATED, log).filter(_has_metadata(params)).select(c.ITEM_ID, c.TIMESTAMP)
    good = outcomes.filter(pl.col(c.REASON).is_null()).select(c.ITEM_ID, c.TIMESTAMP)
    told = pl.concat([in_the_log.collect(), good])
    if params.refresh_days is not None:
        told = told.filter(pl.col(c.TIMESTAMP) > now - timedelta(days=params.refresh_days))
    patience = (
        pl.when(pl.col(c.LASTING))
        .then(pl.lit(timedelta(days=params.bad_for_days)))
        .otherwise(pl.lit(timedelta(hours=params.failed_for_hours)))
    )
    refused = _last(outcomes).filter(pl.col(c.REASON).is_not_null())
    left_out = _last(outcomes.filter(TELLS)).filter(pl.col(c.REASON) == Fault.EXCLUDED_BY_RULE.value)
    return Knowledge(
        known=set(told[c.ITEM_ID].to_list()),
        too_early=set(refused.filter(pl.col(c.TIMESTAMP) + patience > now)[c.ITEM_ID].to_list()),
        left_out=set(left_out[c.ITEM_ID].to_list()),
    )


def items_by_day(datasets: DatasetStore, manifests: Sequence[Manifest]) -> dict[date, list[ItemId]]:
    """The items that somebody was shown or did something to, by UTC day; of each day the most frequent first."""
    return {
        day: _items(datasets, list(partitions)) for day, partitions in groupby(manifests, key=lambda each: each.day)
    }


def _items(datasets: DatasetStore, manifests: Sequence[Manifest]) -> list[ItemId]:
    used = datasets.read(INTERACTED, manifests).select(c.ITEM_ID)
    shown = datasets.read(IMPRESSED, manifests).select(pl.col(c.ITEMS).explode().alias(c.ITEM_ID))
    counted = pl.concat([used, shown]).drop_nulls().group_by(c.ITEM_ID).agg(pl.len().alias(c.WEIGHT))
    return counted.sort([c.WEIGHT, c.ITEM_ID], descending=[True, False]).collect()[c.ITEM_ID].to_list()


def _last(outcomes: pl.DataFrame) -> pl.DataFrame:
    """The last outcome of each item."""
    return outcomes.sort(c.TIMESTAMP).unique(c.ITEM_ID, keep="last", maintain_order=True)


def _has_metadata(params: ContentApiParams) -> pl.Expr:
    names = [name for name in params.fields if name != c.AVAILABLE] + [c.ATTRIBUTES] * bool(params.attributes)
    return pl.any_horizontal(pl.lit(False), *(pl.col(name).is_not_null() for name in names))
