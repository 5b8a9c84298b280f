"""The live release, as far as a challenger can be compared with it."""

import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

import polars as pl

from recsys import columns as c
from recsys.errors import FeatureMismatch
from recsys.features.feature_set import FeatureSet
from recsys.ranking.ranker import Ranker
from recsys.releases import files as f
from recsys.releases.manifest import ReleaseManifest
from recsys.types import ReleaseId


@dataclass(frozen=True)
class Incumbent:
    """What the live release shows, and what can be judged of it."""

    release_id: ReleaseId
    slates: pl.DataFrame
    "user_id, item_ids: what it shows now."
    popular: pl.DataFrame
    "item_id, rank: what it shows to users without a slate."
    ranker: Ranker | None
    "For the challenger's candidates; None where it was made for other features."
    published_in_time: bool
    "Whether its slates were made before the evaluation window, so that they knew nothing of it."

    @classmethod
    def of(cls, store: f.ReleaseFiles, features: FeatureSet, *, window_start: datetime) -> Self:
        """The live release whose files are in ``store``, for a challenger with these features."""
        manifest = ReleaseManifest.model_validate(store.get_json(f.MANIFEST))
        popular = store.get_frame(f.TOP_POPULAR).filter(pl.col(c.CATEGORY) == "")
        return cls(
            release_id=store.release_id,
            slates=store.get_frame(f.RECOMMENDATIONS).select(c.USER_ID, c.ITEM_IDS),
            popular=popular.select(c.ITEM_ID, c.RANK),
            ranker=_same_features(load_ranker(store), features),
            published_in_time=manifest.as_of <= window_start,
        )

    @property
    def not_compared(self) -> str | None:
        """Why it is no contestant; None where it is."""
        if self.ranker is not None or self.published_in_time:
            return None
        return "its ranker reads other features, and its slates knew a part of the evaluation window already"

    def shown_to(self, users: pl.Series) -> pl.DataFrame:
        """user_id, item_id, rank: its own slates of these users, and what is popular for the others."""
        asked = users.unique().sort().to_frame(c.USER_ID)
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


def _same_features(ranker: Ranker, features: FeatureSet) -> Ranker | None:
    try:
        features.require(ranker.features)
    except FeatureMismatch:
        return None
    return ranker
