"""From a log to candidates with features, as of one moment: the same steps for training, judging and serving."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from recsys.candidates.generator import CandidateGenerator
from recsys.candidates.pool import candidate_pool, one_row_per_pair
from recsys.candidates.registry import build_generators
from recsys.candidates.weighting import weighted
from recsys.features.build import build_features
from recsys.sites.config import ComponentSpec, InteractionType
from recsys.types import UserId


@dataclass(frozen=True)
class Recall:
    """Generators fitted on everything before ``as_of``, and what they need to answer."""

    generators: tuple[CandidateGenerator, ...]
    interactions: pl.DataFrame
    "Schema INTERACTIONS plus ``weight``, all before ``as_of``."
    items: pl.DataFrame
    as_of: datetime

    @property
    def sources(self) -> list[str]:
        return [generator.name for generator in self.generators]

    def pool(self, users: Sequence[UserId], *, k: int, exclude: pl.DataFrame) -> pl.DataFrame:
        """Schema CANDIDATES: what every generator proposes to ``users``, at most ``k`` each."""
        return candidate_pool(self.generators, users, k=k, exclude=exclude)

    def rows(self, pool: pl.DataFrame) -> pl.DataFrame:
        """One row per pair of ``pool``, with the features of ``FeatureSet.of(self.sources)``."""
        pairs = one_row_per_pair(pool, self.sources)
        return build_features(pairs, interactions=self.interactions, items=self.items, as_of=self.as_of)


def fit_recall(
    interactions: pl.DataFrame,
    items: pl.DataFrame,
    *,
    specs: Sequence[ComponentSpec],
    types: Sequence[InteractionType],
    as_of: datetime,
    rng: np.random.Generator,
) -> Recall:
    """Builds the generators of ``specs`` and fits them on what happened before ``as_of``, never on later rows."""
    known = weighted(interactions, types, as_of=as_of)
    generators = [generator.fit(known, items=items, rng=rng) for generator in build_generators(specs)]
    return Recall(tuple(generators), known, items, as_of)
