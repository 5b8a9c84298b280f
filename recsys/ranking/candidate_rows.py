"""From a log to candidates with features, as of one moment: the same steps for training, judging and serving."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.candidates.generator import CandidateGenerator
from recsys.candidates.pool import candidate_pool, measured_pool, one_row_per_pair
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
    fit_seconds: Mapping[str, float] = field(default_factory=dict)
    "By generator."

    @property
    def sources(self) -> list[str]:
        return [generator.name for generator in self.generators]

    def pool(self, users: Sequence[UserId], *, k: int, exclude: pl.DataFrame) -> pl.DataFrame:
        """Schema CANDIDATES: what every generator proposes to ``users``, at most ``k`` each."""
        return candidate_pool(self.generators, users, k=k, exclude=exclude)

    def measured_pool(
        self, users: Sequence[UserId], *, k: int, exclude: pl.DataFrame
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The same, and what each generator cost: source, proposed, seconds, fit_seconds."""
        pool, costs = measured_pool(self.generators, users, k=k, exclude=exclude)
        fit_seconds = [self.fit_seconds.get(source) for source in costs[c.SOURCE]]
        return pool, costs.with_columns(pl.Series(c.FIT_SECONDS, fit_seconds, dtype=pl.Float64))

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
    generators, fit_seconds = [], {}
    for generator in build_generators(specs):
        began = time.perf_counter()
        generators.append(generator.fit(known, items=items, rng=rng))
        fit_seconds[generator.name] = time.perf_counter() - began
    return Recall(tuple(generators), known, items, as_of, fit_seconds)
