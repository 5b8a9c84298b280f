"""From a log to candidates with features, as of one moment: the same steps for training, judging and serving."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.candidates.generator import CandidateGenerator
from recsys.candidates.pool import measured_pool, one_row_per_pair, proposed_within
from recsys.candidates.registry import build_generators
from recsys.candidates.vectors import Embedded, Vectors
from recsys.candidates.weighting import weighted
from recsys.events.schema import IMPRESSIONS
from recsys.features.build import Knowledge
from recsys.sites.config import ComponentSpec, InteractionType
from recsys.steps import Steps
from recsys.types import UserId

EVIDENCE_DEPTH: Final = 3
"""How many times deeper a generator is read for its word on what others propose than for its own proposals."""
USERS_AT_ONCE: Final = 1000


@dataclass(frozen=True)
class Recall:
    """Generators fitted on everything before ``as_of``, and what they need to answer."""

    generators: tuple[CandidateGenerator, ...]
    interactions: pl.DataFrame
    "Schema INTERACTIONS plus ``weight``, all before ``as_of``."
    items: pl.DataFrame
    as_of: datetime
    impressions: pl.DataFrame = field(default_factory=IMPRESSIONS.to_frame)
    "Schema IMPRESSIONS, all before ``as_of``."
    fit_seconds: Mapping[str, float] = field(default_factory=dict)
    "By generator."
    steps: Steps = field(default_factory=Steps)
    "Takes down what each answer costs."

    @property
    def sources(self) -> list[str]:
        return [generator.name for generator in self.generators]

    def pool(self, users: Sequence[UserId], *, k: int, exclude: pl.DataFrame) -> pl.DataFrame:
        """Schema CANDIDATES: what is among the first ``k`` of any generator, with every generator's word on it.

        A generator's rows end at ``EVIDENCE_DEPTH`` times ``k``: so far it is heard on what others propose.
        """
        return self.measured_pool(users, k=k, exclude=exclude)[0]

    def measured_pool(
        self, users: Sequence[UserId], *, k: int, exclude: pl.DataFrame
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The same, and what each generator cost: source, proposed, seconds, fit_seconds."""
        heard, costs = measured_pool(self.generators, users, k=k * EVIDENCE_DEPTH, exclude=exclude, steps=self.steps)
        proposed = heard.filter(pl.col(c.RANK) <= k)
        counts = proposed.group_by(c.SOURCE).agg(pl.len().alias(c.PROPOSED))
        costs = costs.drop(c.PROPOSED).join(counts, on=c.SOURCE, how="left", maintain_order="left")
        fit_seconds = [self.fit_seconds.get(source) for source in costs[c.SOURCE]]
        return proposed_within(heard, k), costs.select(
            c.SOURCE,
            pl.col(c.PROPOSED).fill_null(0).cast(pl.Int64),
            c.SECONDS,
            pl.Series(c.FIT_SECONDS, fit_seconds, dtype=pl.Float64),
        )

    def rows(self, pool: pl.DataFrame) -> pl.DataFrame:
        """One row per pair of ``pool``, with the features of ``FeatureSet.of(self.sources)``."""
        with self.steps.measured("describe") as rows:
            described = self.knowledge.describe(one_row_per_pair(pool, self.sources))
            rows.append(described.height)
        return described.with_columns(
            pl.Series(c.source_affinity(name), vectors.affinities(described)).fill_nan(None)
            for name, vectors in self.vectors.items()
        )

    def answer(self, users: Sequence[UserId], *, k: int, exclude: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """The rows of the users' pools, a block of users at a time: memory does not grow with their number."""
        for _, rows in self.pools_and_rows(users, k=k, exclude=exclude):
            yield rows

    def pools_and_rows(
        self, users: Sequence[UserId], *, k: int, exclude: pl.DataFrame
    ) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """The same, with the pools that they are made of."""
        for start in range(0, max(1, len(users)), USERS_AT_ONCE):
            pool = self.pool(users[start : start + USERS_AT_ONCE], k=k, exclude=exclude)
            yield pool, self.rows(pool)

    @cached_property
    def knowledge(self) -> Knowledge:
        return Knowledge.of(self.interactions, self.items, self.as_of, impressions=self.impressions)

    @cached_property
    def vectors(self) -> dict[str, Vectors]:
        """Of the generators that learn such, by name."""
        return {one.name: one.vectors() for one in self.generators if isinstance(one, Embedded)}


def fit_recall(
    interactions: pl.DataFrame,
    items: pl.DataFrame,
    *,
    specs: Sequence[ComponentSpec],
    types: Sequence[InteractionType],
    as_of: datetime,
    rng: np.random.Generator,
    impressions: pl.DataFrame | None = None,
    steps: Steps | None = None,
) -> Recall:
    """Builds the generators of ``specs`` and fits them on what happened before ``as_of``, never on later rows.

    ``impressions``: schema IMPRESSIONS; later rows are not looked at; None: there are none. ``steps`` takes down what
    each generator costs, now and when it is asked.
    """
    steps = (steps or Steps()).of(f"{as_of:%Y-%m-%d %H:%M}")
    shown = IMPRESSIONS.to_frame() if impressions is None else impressions.filter(pl.col(c.TIMESTAMP) < as_of)
    known = weighted(interactions, types, as_of=as_of)
    generators, fit_seconds = [], {}
    for generator in build_generators(specs):
        with steps.measured(f"fit {generator.name}") as rows:
            generators.append(generator.fit(known, items=items, rng=rng))
            rows.append(known.height)
        fit_seconds[generator.name] = steps.ended[-1].seconds
    return Recall(tuple(generators), known, items, as_of, shown, fit_seconds, steps)
