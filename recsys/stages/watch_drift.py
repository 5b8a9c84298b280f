"""Looks whether what happens now is still like what the live release learned from, and says what is not."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.candidates.weighting import weighted
from recsys.datasets.catalogue import items_as_of
from recsys.errors import NotEnoughData
from recsys.evaluation.drift import days, features, releases
from recsys.evaluation.drift.distributions import Change
from recsys.evaluation.drift.report import DriftReport
from recsys.evaluation.gate.check import Check
from recsys.evaluation.gate.slates import variety
from recsys.features.build import Knowledge
from recsys.releases import files as f
from recsys.releases.incumbent import load_ranker
from recsys.releases.moments import Log
from recsys.serving import lifecycle
from recsys.serving.contracts import ReleaseSummary
from recsys.sites import SiteConfig
from recsys.stages import predictor_drift
from recsys.stages.context import StageContext, open_context
from recsys.types import SiteId

JUDGED_DAYS: Final = 1
"""Days whose volume and mix are judged, the last ones."""
LEARNED_DAYS: Final = 7
"""Days before the live release's as_of that its features are taken from: each weekday once."""
MOST_PAIRS: Final = 20_000
"""Pairs of a day that are described; of more, a sample."""
EARLIER: Final = 5
"""Releases before the live one whose variety is looked at."""
DAY: Final = timedelta(days=1)
PAST: Final = timedelta(days=35)
"""A site to which nothing happened for so long is one of the past; before, its silence is told."""


def run(*, site: SiteId, day: date | None = None, context: StageContext | None = None) -> DriftReport:
    """One UTC day is judged beside the weeks before it, and beside what the live release learned from.

    Before the first release nothing is judged, nor where nothing has happened for weeks: a site of the past.
    Predictors that are live are looked at too: whether they still see what they learned from, and whether it came so.

    The report lies in the data store, ``drift/<site>/<day>.json`` and ``drift/<site>/newest.json``.

    Args:
        site: which site.
        day: which day; by default the last that was committed.
        context: stores; by default those of the environment.

    Raises:
        NotEnoughData: nothing was committed until then.
        StoreError: a store did not answer.
    """
    context = context or open_context()
    config = context.site(site)
    day = day or _last_day(context, site)
    as_of = datetime.combine(day, time(), UTC) + DAY
    log = Log.read(context.datasets, config, as_of=as_of, erased=context.erased(site))
    checks: list[Check] = []
    drifted: dict[str, Change] = {}
    scores: dict[str, Change] = {}
    live, alive = _live(context, site), _is_alive(log, as_of)
    if live is not None and alive:
        measured = days.measure(log.interactions, as_of=as_of, days=JUDGED_DAYS, min_rows=config.drift.min_rows)
        drifted = _features(log, live, as_of)
        scores = _scores(context, config, live)
        checks += days.checks(measured, config.drift)
        checks += features.checks(drifted, config.drift) + features.score_checks(scores, config.drift)
        checks += _of_releases(context, log, live, as_of)
    predictors = predictor_drift.look(context, log, as_of) if alive else ()
    report = DriftReport(
        site=site, as_of=as_of, checks=tuple(checks), features=drifted, scores=scores, predictors=predictors
    )
    for name in (f"{as_of - DAY:%Y-%m-%d}", "newest"):
        context.blobs.put(f"drift/{site}/{name}.json", report.model_dump_json(indent=1).encode())
    return report


def _last_day(context: StageContext, site: SiteId) -> date:
    committed = [manifest.partition.day for manifest in context.datasets.manifests(site)]
    if not committed:
        raise NotEnoughData(f"site {site}: found no committed day, expected at least one; ingest events first")
    return max(committed)


def _is_alive(log: Log, as_of: datetime) -> bool:
    newest = log.interactions[c.TIMESTAMP].max()
    return isinstance(newest, datetime) and newest >= as_of - PAST


def _live(context: StageContext, site: SiteId) -> ReleaseSummary | None:
    live = lifecycle.live_release(context.dsn, site)
    return None if live is None else lifecycle.release_summary(context.dsn, site, live.release_id)


def _features(log: Log, live: ReleaseSummary, as_of: datetime) -> dict[str, Change]:
    """The day's pairs of user and item, described as of its beginning, beside those of the last days learned from.

    All look back equally far: in a young log, ages and counts grow by themselves.
    """
    first = log.interactions[c.TIMESTAMP].min()
    begin = live.as_of - DAY * LEARNED_DAYS
    if not isinstance(first, datetime) or first >= begin:
        return {}
    back = min(begin - first, timedelta(days=log.site.windows.history_days))
    learned = [_described(log, begin + DAY * day, back) for day in range(LEARNED_DAYS)]
    now, least = _described(log, as_of - DAY, back), log.site.drift.min_rows
    usual = [
        features.measure(pl.concat([*learned[:day], *learned[day + 1 :]]), learned[day], min_rows=least)
        for day in range(LEARNED_DAYS)
    ]
    return features.beyond_usual(features.measure(pl.concat(learned), now, min_rows=least), usual)


def _described(log: Log, start: datetime, back: timedelta) -> pl.DataFrame:
    """Every feature of the pairs that met on the day that begins then; nothing of the day itself is known."""
    known = log.interactions.filter(pl.col(c.TIMESTAMP) >= start - back)
    history = weighted(known, log.site.interactions, as_of=start)
    day = log.interactions.filter(pl.col(c.TIMESTAMP).is_between(start, start + DAY, closed="left"))
    pairs = day.select(c.USER_ID, c.ITEM_ID).unique().sort(c.USER_ID, c.ITEM_ID)
    some = pairs.sample(min(MOST_PAIRS, pairs.height), seed=0)
    return Knowledge.of(history, items_as_of(log.item_updates, start + DAY), start).describe(some).drop(some.columns)


def _scores(context: StageContext, site: SiteConfig, live: ReleaseSummary) -> dict[str, Change]:
    """The live ranker's scores of what the newest release proposes, beside those of what it proposed itself."""
    newest = next(iter(lifecycle.releases(context.dsn, site.site, limit=1, surface=live.surface)), live)
    stores = [f.ReleaseFiles(context.blobs, site.site, each.release_id) for each in (live, newest)]
    if newest.release_id == live.release_id or not all(each.has(f.CANDIDATES_INFERENCE) for each in stores):
        return {}
    ranker = load_ranker(stores[0])
    proposed = [store.get_frame(f.CANDIDATES_INFERENCE) for store in stores]
    if not set(ranker.features.numeric) <= set(proposed[1].columns):
        return {}
    scored = [pl.DataFrame({c.SCORE: np.asarray(ranker.score(rows), np.float64)}) for rows in proposed]
    return features.measure(*scored, min_rows=site.drift.min_rows)


def _of_releases(context: StageContext, log: Log, live: ReleaseSummary, as_of: datetime) -> list[Check]:
    known = lifecycle.releases(context.dsn, live.site, surface=live.surface)
    retired = [each.release_id for each in known if each.state == "retired"]
    in_order = [*reversed(retired[:EARLIER]), live.release_id]
    stores = [f.ReleaseFiles(context.blobs, live.site, release_id) for release_id in in_order]
    return releases.checks(
        log.site.drift,
        varieties=[_variety(store) for store in stores if store.has(f.RECOMMENDATIONS)],
        release_age_hours=max(0.0, (as_of - live.as_of) / timedelta(hours=1)),
        catalogue_churn=releases.churn(*(items_as_of(log.item_updates, moment) for moment in (live.as_of, as_of))),
    )


def _variety(store: f.ReleaseFiles) -> float:
    """Of the first ten places of all its slates."""
    slates = store.get_frame(f.RECOMMENDATIONS).select(pl.col(c.ITEM_IDS).list.head(10).alias(c.ITEM_ID))
    return variety(slates.explode(c.ITEM_ID).drop_nulls())
