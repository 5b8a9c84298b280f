"""Two-stage training on a table of events: generators before label windows, a ranker on what then happened."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys import columns as c
from recsys.candidates.popularity import Popularity
from recsys.datasets.splits import label_windows
from recsys.errors import NotEnoughData
from recsys.evaluation.contestants import RANKED
from recsys.events.schema import INTERACTIONS, ITEMS
from recsys.features.feature_set import FeatureSet
from recsys.ranking.candidate_rows import Recall, fit_recall
from recsys.ranking.heard import Heard
from recsys.ranking.ranker import Ranker
from recsys.ranking.slates import rank_rows
from recsys.ranking.training_rows import drawn, gains
from recsys.sites.config import ComponentSpec, InteractionType, SiteConfig
from recsys.stages.generators_on_trial import Trial, TrialReport
from recsys.steps import Steps
from recsys.types import UserId

LOG: Final = logging.getLogger(__name__)
SEED: Final = 7
NAMES: Final = {"addtocart": "cart", "add_to_cart": "cart", "transaction": "purchase", "buy": "purchase"}
KNOWN: Final = {
    "view": InteractionType(name="view", weight=1.0, gain=1),
    "cart": InteractionType(name="cart", weight=3.0, gain=2),
    "purchase": InteractionType(name="purchase", weight=5.0, gain=3),
}
"""What events mean by default; one of another type counts as a view."""


@dataclass(frozen=True)
class Contest:
    """What each contestant shows, and which generators there are."""

    slates: dict[str, pl.DataFrame]
    "user_id, item_id, rank by contestant: ``ranked``, and each generator alone."
    trial: TrialReport


def contest(
    log: pl.DataFrame,
    items: pl.DataFrame | None,
    users: Sequence[UserId],
    *,
    k: int,
    steps: Steps,
    with_trial: bool = False,
) -> Contest:
    """Learns from the log with every default of a site, and answers every one of ``users``.

    Args:
        log: user_id, item_id, event_type, value, timestamp (UTC); what a user has there is not recommended.
        items: item_id and any other columns of the catalogue; None: nothing is told of items.
        users: who is asked about; a generator that does not know one shows the popular.
        k: positions for each.
        steps: takes down what it costs.
        with_trial: a site's default generators on trial are taken where they are seen to help.
    """
    interactions = as_interactions(log)
    rng = np.random.default_rng(SEED)
    as_of = midnight_after(interactions)
    site = default_site(interactions)
    trial = Trial(site, site.on_trial if with_trial else (), rng=rng, steps=steps)
    learned = _learned(interactions, items, trial, as_of, rng, steps)
    site = learned.site
    recall = _recall_at(interactions, items, site, as_of, rng, steps)
    barred, depth = touched(interactions), max(site.candidates_per_source, k)
    parts: dict[str, list[pl.DataFrame]] = {name: [] for name in (RANKED, *recall.sources)}
    for pool, pairs in recall.pools_and_rows(users, k=depth, exclude=barred):
        with steps.measured("rank") as rows:
            parts[RANKED].append(rank_rows(pairs, learned.score(pairs), sources=recall.sources, size=k))
            rows.append(pairs.height)
        popular = pool.filter(pl.col(c.SOURCE) == Popularity.name)
        for source in recall.sources:
            own = pool.filter(pl.col(c.SOURCE) == source)
            told = pl.concat([own, popular.join(own, on=c.USER_ID, how="anti")])
            parts[source].append(told.filter(pl.col(c.RANK) <= k))
    whole = {name: pl.concat(slates).select(c.USER_ID, c.ITEM_ID, c.RANK) for name, slates in parts.items()}
    return Contest(whole, learned.trial)


def as_interactions(log: pl.DataFrame) -> pl.DataFrame:
    """The log as INTERACTIONS; the row number is the event_id, types have the names of a site."""
    named = log.with_columns(
        pl.int_range(pl.len()).cast(pl.String).alias(c.EVENT_ID), pl.col(c.EVENT_TYPE).replace(NAMES)
    )
    return named.select(
        pl.col(name).cast(kind) if name in named.columns else pl.lit(None, kind).alias(name)
        for name, kind in INTERACTIONS.items()
    )


def default_site(interactions: pl.DataFrame) -> SiteConfig:
    """Every default of the platform, for the event types that there are."""
    names = sorted({*interactions[c.EVENT_TYPE].unique(), *KNOWN})
    types = tuple(KNOWN.get(name, KNOWN["view"]).model_copy(update={"name": name}) for name in names)
    return SiteConfig(site="offline", source=ComponentSpec(kind="none"), interactions=types)


def midnight_after(log: pl.DataFrame) -> datetime:
    """The UTC midnight after the newest event."""
    newest = log[c.TIMESTAMP].dt.truncate("1d").max()
    if not isinstance(newest, datetime):
        raise NotEnoughData("found a log without events, expected at least one with a time; name another file")
    return newest + timedelta(days=1)


@dataclass(frozen=True)
class _Learned:
    """Generators that were found worth while, and the order of what they propose."""

    site: SiteConfig
    score: Callable[[pl.DataFrame], NDArray[np.float64]]
    trial: TrialReport


def _learned(
    log: pl.DataFrame,
    items: pl.DataFrame | None,
    trial: Trial,
    as_of: datetime,
    rng: np.random.Generator,
    steps: Steps,
) -> _Learned:
    """What a ranker gives to rows of candidates; where the log is too thin for one, what the generators agree on."""
    try:
        return _trained(log, items, trial, as_of, rng, steps)
    except NotEnoughData as thin:
        LOG.warning("no order could be learned (%s); first comes what most generators propose", thin)
        sources = [spec.kind for spec in trial.site.candidates]
        return _Learned(trial.site, lambda rows: agreed(rows, sources), trial.left_out(str(thin)))


def agreed(rows: pl.DataFrame, sources: Sequence[str]) -> NDArray[np.float64]:
    """The shares of all sources, added up, float64, shape (len(rows),)."""
    shares = [pl.col(c.source_share(source)).cast(pl.Float64).fill_null(0.0) for source in sources]
    return rows.select(pl.sum_horizontal(shares)).to_series().to_numpy()


def _trained(
    log: pl.DataFrame,
    items: pl.DataFrame | None,
    trial: Trial,
    as_of: datetime,
    rng: np.random.Generator,
    steps: Steps,
) -> _Learned:
    wide = trial.widest
    for window in label_windows(as_of, wide.windows):
        recall = _recall_at(log, items, wide, window.start, rng, steps)
        seen = touched(recall.interactions)
        labels = gains(log, wide.interactions, start=window.start, end=window.end, exclude=seen)
        share = wide.ranker.users // wide.windows.label_windows
        users = drawn(labels[c.USER_ID].unique().sort().to_list(), at_most=share, rng=rng)
        trial.add(Heard(recall, recall.pool(users, k=wide.candidates_per_source, exclude=seen), labels))
    site, known, report = trial.verdict()
    with steps.measured("train the ranker") as told:
        told.append(known.height)
        ranker = Ranker(FeatureSet.of_site(site), site.ranker).fit(known, rng=rng)
    return _Learned(site, ranker.score, report)


def _recall_at(
    log: pl.DataFrame,
    items: pl.DataFrame | None,
    site: SiteConfig,
    moment: datetime,
    rng: np.random.Generator,
    steps: Steps,
) -> Recall:
    known = log.filter(pl.col(c.TIMESTAMP) < moment)
    return fit_recall(
        known,
        catalogue_of(known, items),
        specs=site.candidates,
        types=site.interactions,
        as_of=moment,
        rng=rng,
        steps=steps,
    )


def catalogue_of(log: pl.DataFrame, items: pl.DataFrame | None) -> pl.DataFrame:
    """Every item with an event, with what is told of it, schema ITEMS; available unless it is told not to be."""
    known = log.select(c.ITEM_ID).unique().sort(c.ITEM_ID)
    if items is not None:
        told = items.select(c.ITEM_ID, *(name for name in ITEMS if name in items.columns and name != c.ITEM_ID))
        known = known.join(told, on=c.ITEM_ID, how="left", maintain_order="left")
    if c.AVAILABLE not in known.columns:
        known = known.with_columns(pl.lit(None, pl.Boolean).alias(c.AVAILABLE))
    known = known.with_columns(pl.col(c.AVAILABLE).fill_null(True))
    return known.select(
        pl.col(name).cast(kind) if name in known.columns else pl.lit(None, kind).alias(name)
        for name, kind in ITEMS.items()
    )


def touched(log: pl.DataFrame) -> pl.DataFrame:
    """Distinct pairs with an event."""
    return log.select(c.USER_ID, c.ITEM_ID).unique()
