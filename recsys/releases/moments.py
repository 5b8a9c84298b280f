"""The log as it was at one moment: what training, judging and serving each see, and nothing later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Self

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.candidates.item_item import ItemItem
from recsys.candidates.registry import read_of_the_catalogue
from recsys.candidates.repeats import RepeatPolicy, Repeats, Weigh
from recsys.datasets.catalogue import items_as_of
from recsys.datasets.manifest import Manifest
from recsys.datasets.store import DatasetStore
from recsys.datasets.tables import IMPRESSED, INTERACTED, UPDATED
from recsys.events.schema import IMPRESSIONS, ITEM_UPDATES
from recsys.ranking.candidate_rows import Recall, fit_recall
from recsys.serving.files import CATALOGUE
from recsys.sites import ComponentSpec, SiteConfig
from recsys.steps import Steps
from recsys.types import SiteId, UserId

PAIR = [c.USER_ID, c.ITEM_ID]
NEEDED = [c.ITEM_ID, c.TIMESTAMP, *(name for name in CATALOGUE if name != c.ITEM_ID)]
"""Of what was told of items, what every release looks at; texts stay where they lie unless a generator reads them."""
KNOWN_ITEMS = 1000
"""Items of a user's history that the web service is told of, the last ones."""
EXPLAINED_BY = ComponentSpec(kind=ItemItem.name)
"""Similar items, and because of which item, come from this generator, whether or not the site proposes with it."""


def partitions_before(store: DatasetStore, site: SiteId, as_of: datetime | None) -> list[Manifest]:
    """The committed days of which something lies before ``as_of``, in order; None: all."""
    first_day_after = (as_of + timedelta(days=1, microseconds=-1)).date() if as_of else None
    return store.manifests(site, before=first_day_after)


@dataclass(frozen=True)
class Log:
    """What a site's event log says until some moment."""

    site: SiteConfig
    interactions: pl.DataFrame
    "Schema INTERACTIONS."
    item_updates: pl.DataFrame
    "Columns of ITEM_UPDATES: ``NEEDED``, or more."
    steps: Steps = field(default_factory=Steps)
    "Takes down what it costs to learn from it."
    impressions: pl.DataFrame = field(default_factory=IMPRESSIONS.to_frame)
    "Schema IMPRESSIONS: what was shown."

    @classmethod
    def read(
        cls,
        store: DatasetStore,
        site: SiteConfig,
        *,
        as_of: datetime,
        erased: Mapping[UserId, datetime],
        partitions: Sequence[Manifest] | None = None,
    ) -> Self:
        """What the event log says before ``as_of``, exclusive, but what ``erased`` users did before they asked.

        ``partitions``: which to read; by default all that reach before ``as_of``, as they are now.
        """
        manifests = partitions_before(store, site.site, as_of) if partitions is None else partitions
        read = {*NEEDED, *read_of_the_catalogue(site.candidates)}
        told = [name for name in ITEM_UPDATES if name in read]
        steps = Steps()
        with steps.measured("read the log") as rows:
            interactions, updates, impressions = (
                store.read(table, manifests).filter(pl.col(c.TIMESTAMP) < as_of).select(columns).collect()
                for table, columns in ((INTERACTED, pl.all()), (UPDATED, told), (IMPRESSED, pl.all()))
            )
            rows.append(interactions.height)
        return cls(site, _without(interactions, erased), updates, steps, _without(impressions, erased))

    def before(self, moment: datetime) -> pl.DataFrame:
        """The interactions of the site's history_days before ``moment``, exclusive."""
        return self._of_history(self.interactions, moment)

    def _of_history(self, events: pl.DataFrame, moment: datetime) -> pl.DataFrame:
        oldest = moment - timedelta(days=self.site.windows.history_days)
        return events.filter(pl.col(c.TIMESTAMP) >= oldest, pl.col(c.TIMESTAMP) < moment)

    def bought_before(self, moment: datetime) -> pl.DataFrame:
        """Distinct pairs (user_id, item_id) that must not be recommended again; none where the site allows repeats."""
        serving = self.site.serving
        bought = (pl.col(c.EVENT_TYPE) == serving.purchase_event) & serving.exclude_bought
        wanted = pl.lit(True) if serving.repeats == "block" else bought
        return self.interactions.filter(wanted, pl.col(c.TIMESTAMP) < moment).select(PAIR).unique().sort(PAIR)

    def known_before(self, moment: datetime) -> pl.DataFrame:
        """What each user did anything with: user_id, item_id, ``bought``; of a user the last ``KNOWN_ITEMS``."""
        bought = (pl.col(c.EVENT_TYPE) == self.site.serving.purchase_event).any().alias(c.BOUGHT)
        pairs = (
            self.interactions.filter(pl.col(c.TIMESTAMP) < moment).group_by(PAIR).agg(bought, pl.col(c.TIMESTAMP).max())
        )
        newest_first = pairs.sort(c.USER_ID, c.TIMESTAMP, c.ITEM_ID, descending=[False, True, False])
        return newest_first.group_by(c.USER_ID, maintain_order=True).head(KNOWN_ITEMS).select(*PAIR, c.BOUGHT)

    def at(
        self, moment: datetime, *, rng: np.random.Generator, specs: Sequence[ComponentSpec] | None = None
    ) -> "Moment":
        """The generators (by default the site's), fitted on history_days before ``moment``, exclusive.

        Items that only the interactions name are in the catalogue too: available, without properties.
        """
        history = self.before(moment)
        described = items_as_of(self.item_updates, moment)
        unlisted = history.select(c.ITEM_ID).unique().join(described, on=c.ITEM_ID, how="anti")
        items = pl.concat([described, unlisted.with_columns(pl.lit(True).alias(c.AVAILABLE))], how="diagonal")
        recall = fit_recall(
            history,
            items.sort(c.ITEM_ID),
            specs=specs or self.site.candidates,
            types=self.site.interactions,
            as_of=moment,
            rng=rng,
            impressions=self._of_history(self.impressions, moment),
            steps=self.steps,
        )
        return Moment(recall, self.bought_before(moment), self._repeat_policy())

    def _repeat_policy(self) -> RepeatPolicy | None:
        """What weighs what users know; None where the ranker alone does, or where it is barred anyway."""
        serving, proposed = self.site.serving, self.site.candidates_per_source
        if serving.repeats is None or serving.repeats == "block":
            return None
        return RepeatPolicy(mode=serving.repeats, half_life_days=serving.repeats_half_life_days, proposed=proposed)


def _without(interactions: pl.DataFrame, erased: Mapping[UserId, datetime]) -> pl.DataFrame:
    forgotten = pl.DataFrame(
        {c.USER_ID: list(erased), c.ERASED_AT: list(erased.values())},
        schema={c.USER_ID: pl.String, c.ERASED_AT: interactions.schema[c.TIMESTAMP]},
    )
    known = interactions.join(forgotten, on=c.USER_ID, how="left", maintain_order="left")
    return known.filter((pl.col(c.TIMESTAMP) < pl.col(c.ERASED_AT)).not_().fill_null(True)).drop(c.ERASED_AT)


@dataclass(frozen=True)
class Moment:
    """Fitted generators, and what each user must not be shown."""

    recall: Recall
    bought: pl.DataFrame
    repeat_policy: RepeatPolicy | None = None

    @property
    def users(self) -> list[UserId]:
        """Users with history, sorted."""
        return self.recall.interactions[c.USER_ID].unique().sort().to_list()

    def rows(self, users: Sequence[UserId], *, k: int) -> pl.DataFrame:
        """One row per proposed pair with every feature as of the moment; unavailable and bought items never."""
        return pl.concat(self.recall.answer(users, k=k, exclude=self.bought))

    @cached_property
    def repeat_weights(self) -> Weigh | None:
        """What is done to a ranker's scores because of what users know; None: nothing."""
        recall = self.recall
        if self.repeat_policy is None:
            return None
        return Repeats.of(recall.interactions, self.repeat_policy, as_of=recall.as_of).weigh

    @property
    def explainer(self) -> ItemItem:
        """The generator that knows similar items."""
        return next(generator for generator in self.recall.generators if isinstance(generator, ItemItem))
