"""What happened since a predictor was trained, as the predictor sees it: rows that nothing was learned from."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

import polars as pl

from recsys import columns as c
from recsys.predictors.ctr import impression_rows
from recsys.predictors.ctr.seen import seen_impressions
from recsys.predictors.intent import prefixes_of, read_sessions
from recsys.predictors.intent.seen import seen_sessions
from recsys.predictors.seen import SeenRows
from recsys.releases.moments import Log
from recsys.serving.predicting.clicks import ClickProbability
from recsys.serving.predicting.intent import PurchaseIntent
from recsys.stages.context import StageContext

MOST_SESSIONS: Final = 10_000
"""Sessions that are looked at, the latest."""
MOST_ROWS: Final = 50_000
"""Impressions that are looked at; of more, a sample."""


class RowsOf(Protocol):
    """How the later rows of one surface are found."""

    def __call__(
        self, context: StageContext, log: Log, folder: Path, *, trained: datetime, until: datetime
    ) -> SeenRows | None:
        """Those of the last days before ``until``, as many as the site's ``drift.predictors.days``; None: no row.

        Args:
            context: stores.
            log: what happened before ``until``.
            folder: of the model's files.
            trained: what the model knows ends there.
            until: exclusive, UTC.

        Raises:
            FeatureMismatch: the model looks at other features than this version makes.
        """
        ...


def of_intent(context: StageContext, log: Log, folder: Path, *, trained: datetime, until: datetime) -> SeenRows | None:
    """Beginnings of the sessions that began since, and are over."""
    model = PurchaseIntent.load(folder)
    since = max(trained, first_looked_at(log, until))
    sessions = read_sessions(log.interactions, log.item_updates, model.rules, until=until, since=since)
    if not sessions:
        return None
    latest = sessions[-MOST_SESSIONS:]
    prefixes = prefixes_of(latest, model.rules)
    said = model.scorer.along(prefixes.examples.table, prefixes.session)
    return seen_sessions(model.scorer.features, latest, prefixes, said)


def of_ctr(context: StageContext, log: Log, folder: Path, *, trained: datetime, until: datetime) -> SeenRows | None:
    """The site's own impressions that came later, or were too young to be learned from, and are old enough by now.

    A site that learns clicks from a file has none.
    """
    model, policy = ClickProbability.load(folder), log.site.predictors.ctr
    if policy is None or policy.path is not None or not set(model.columns) <= set(policy.columns):
        return None
    since = max(trained - timedelta(hours=policy.label_hours), first_looked_at(log, until))
    shown = pl.concat([log.impressions, context.impressions(log.site.site, since, until)])
    rows = impression_rows(shown, log.interactions, log.item_updates, as_of=until, policy=policy)
    later = rows.filter(pl.col(c.TIMESTAMP) >= since)
    if later.is_empty():
        return None
    some = later.sample(min(MOST_ROWS, later.height), seed=0)
    return seen_impressions(model, some, policy.label)


def first_looked_at(log: Log, until: datetime) -> datetime:
    """Nothing earlier is looked at."""
    return until - timedelta(days=log.site.drift.predictors.days)


FOUND_BY: Final[Mapping[str, RowsOf]] = {"intent": of_intent, "ctr": of_ctr}
"""By surface."""
