"""The live release, as far as a challenger can be compared with it."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

import polars as pl
from pydantic import ValidationError

from recsys import columns as c
from recsys.candidates.registry import read_of_the_catalogue
from recsys.features.feature_set import FeatureSet
from recsys.ranking.ranker import Ranker
from recsys.releases import files as f
from recsys.releases.manifest import ReleaseManifest
from recsys.releases.moments import Log
from recsys.sites import SiteConfig
from recsys.types import ReleaseId, UserId


@dataclass(frozen=True)
class Incumbent:
    """What the live release shows, and what can be judged of it."""

    release_id: ReleaseId
    slates: pl.DataFrame
    "user_id, item_ids: what it shows now."
    popular: pl.DataFrame
    "item_id, rank: what it shows to users without a slate."
    ranker: Ranker
    shares_candidates: bool
    "Whether its ranker reads the challenger's features, so that it can rank the same candidates."
    site: SiteConfig | None
    "Its configuration, where candidates of its own can be made from the challenger's log; None where they cannot."
    published_in_time: bool
    "Whether its slates were made before the evaluation window, so that they knew nothing of it."

    @classmethod
    def of(cls, store: f.ReleaseFiles, features: FeatureSet, log: Log, *, window_start: datetime) -> Self:
        """The live release whose files are in ``store``, for a challenger with these features and this log."""
        manifest = ReleaseManifest.model_validate(store.get_json(f.MANIFEST))
        ranker = load_ranker(store)
        popular = store.get_frame(f.TOP_POPULAR).filter(pl.col(c.CATEGORY) == "")
        return cls(
            release_id=store.release_id,
            slates=store.get_frame(f.RECOMMENDATIONS).select(c.USER_ID, c.ITEM_IDS),
            popular=popular.select(c.ITEM_ID, c.RANK),
            ranker=ranker,
            shares_candidates=ranker.features.hash == features.hash,
            site=_configuration(manifest, ranker, log),
            published_in_time=manifest.as_of <= window_start,
        )

    @property
    def not_compared(self) -> str | None:
        """Why it is no contestant; None where it is."""
        if self.shares_candidates or self.site is not None or self.published_in_time:
            return None
        return "its candidates cannot be made any more, and its slates knew a part of the evaluation window already"

    def shown_to(self, users: Sequence[UserId]) -> pl.DataFrame:
        """user_id, item_id, rank: its own slates of these users, and what is popular for the others."""
        asked = pl.DataFrame({c.USER_ID: users}, schema={c.USER_ID: pl.String})
        own = asked.join(self.slates, on=c.USER_ID).select(c.USER_ID, pl.col(c.ITEM_IDS).alias(c.ITEM_ID))
        ranked = (
            own.explode(c.ITEM_ID)
            .drop_nulls()
            .with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over(c.USER_ID).alias(c.RANK))
        )
        others = asked.join(ranked, on=c.USER_ID, how="anti").join(self.popular, how="cross")
        return pl.concat([ranked, others])


def load_ranker(store: f.ReleaseFiles) -> Ranker:
    """The ranker of the release whose files are in ``store``."""
    with tempfile.TemporaryDirectory() as folder:
        for name in (f.CATBOOST_MODEL, f.RANKER):
            (Path(folder) / name).write_bytes(store.get_bytes(name))
        return Ranker.load(Path(folder))


def _configuration(manifest: ReleaseManifest, ranker: Ranker, log: Log) -> SiteConfig | None:
    """None too where its generators look at texts that were not read for the challenger's."""
    try:
        site = SiteConfig.model_validate(manifest.config)
    except ValidationError:
        return None
    is_read = read_of_the_catalogue(site.candidates) <= set(log.item_updates.columns)
    return site if is_read and FeatureSet.of_site(site).hash == ranker.features.hash else None
