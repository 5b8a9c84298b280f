"""How good a predictor's parameters are: on the latest sessions or impressions before a validation window ended.

They are cut as a training cuts them: nothing is learned from the latest fifth, which is judged.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from math import floor
from typing import Any, Final

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.errors import ConfigError, NotEnoughData
from recsys.evaluation.search import Params
from recsys.predictors.ctr import fit_ctr, impression_rows, latest
from recsys.predictors.ctr.seen import seen_impressions
from recsys.predictors.intent import Session, fit_intent, hold_back, prefixes_of, read_sessions
from recsys.predictors.quality import row_log_loss
from recsys.predictors.session import ItemSession, cases_of, fit_sessions, judge_sessions, read_item_sessions
from recsys.releases.moments import Log
from recsys.releases.studies import Plan, Studies
from recsys.serving.predicting.session import SessionRules
from recsys.sites import SiteConfig
from recsys.stages.context import StageContext
from recsys.stages.predictor_contests import JUDGED
from recsys.stages.train_predictor import read_log
from recsys.types import SiteId

Rows = Any
"""Sessions, or a frame of impressions, in the order of time."""
LOG_LIKELIHOOD: Final = "log_likelihood"
"""Log-loss, the other way round: the mean of the log of the probability of what happened, in nats; at most 0."""
RECIPROCAL_RANK: Final = "mrr@20"


@dataclass(frozen=True)
class Tunable:
    """One surface: which rows it has, and what a model is worth on the later of them."""

    objective: str
    "What is made as large as possible."
    rows: Callable[[SiteConfig, Log, datetime], tuple[Rows, Rows]]
    "What may be learned from, and what is judged, of what was known at that moment."
    begins: Callable[[Rows], float]
    "When the first of them happened, in seconds since 1970."
    value: Callable[[SiteConfig, Rows, Rows], float]
    "Of a model with the site's parameters."


class PredictorObjective:
    """The objective of one search. A window's rows are read once."""

    def __init__(self, context: StageContext, site: SiteId, plan: Plan) -> None:
        self.site: SiteConfig = context.site(site)
        self.studies = Studies(context.blobs, site)
        self._context = context
        self._plan = plan
        self._rows: dict[int, tuple[Any, Any]] = {}

    def value(self, params: Params, window: int) -> float:
        """The objective on a validation window (0 is the latest); ``params`` replace those of the site's predictor.

        Raises:
            NotEnoughData: there is too little to learn from, or to judge on.
            TableRefused: the rows are not what the site expects of them.
        """
        surface = tunable(self._plan.part)
        if window not in self._rows:
            self._rows[window] = surface.rows(self.site, self._log, self._plan.windows[window][1])
        return surface.value(self.site.tuned({self._plan.part: params}), *self._rows[window])

    @cached_property
    def _log(self) -> Log:
        """Everything before what a training of today would judge on, and nothing of it."""
        return read_log(self._context, self.site, self._plan.windows[0][1])


def windows_of(
    context: StageContext, site: SiteConfig, part: str, as_of: datetime
) -> tuple[tuple[datetime, datetime], ...]:
    """Validation windows (start, exclusive end), the latest first.

    The first ends where the rows begin that a training as of ``as_of`` judges on; each further one ends where the one
    after it begins.

    Raises:
        NotEnoughData: there are no rows.
    """
    surface, log = tunable(part), read_log(context, site, as_of)
    ends = [as_of]
    for _ in range(site.tuning.windows + 1):
        _, judged = surface.rows(site, log, ends[-1])
        if not len(judged):
            raise NotEnoughData(
                f"site {site.site}: found nothing to judge {part} on before {ends[-1]:%Y-%m-%d %H:%M}; ingest more "
                "days, or set tuning.windows lower"
            )
        ends.append(datetime.fromtimestamp(floor(surface.begins(judged)), UTC))
    return tuple((start, end) for end, start in pairwise(ends[1:]))


def tunable(part: str) -> Tunable:
    """The surface that a part is of, which may name a kind after a dot."""
    return SURFACES[part.partition(".")[0]]


def _sessions(site: SiteConfig, log: Log, until: datetime) -> tuple[list[Session], list[Session]]:
    policy = site.predictors.intent
    assert policy is not None  # it is tuned
    since = until - timedelta(days=policy.history_days)
    rules = SessionRules.of_site(site)
    return hold_back(read_sessions(log.interactions, log.item_updates, rules, until=until, since=since), JUDGED)


def _of_intent(site: SiteConfig, earlier: Sequence[Session], later: Sequence[Session]) -> float:
    policy, rules = site.predictors.intent, SessionRules.of_site(site)
    assert policy is not None
    fitted = fit_intent(earlier, rules, policy, rng=np.random.default_rng(policy.seed))
    judged = prefixes_of(later, rules)
    said = fitted.model.scorer.along(judged.examples.table, judged.session)
    return -float(row_log_loss(judged.examples.labels, said).mean())


def _impressions(site: SiteConfig, log: Log, until: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    policy = site.predictors.ctr
    assert policy is not None
    if policy.path is not None:
        raise ConfigError(
            f"{site.site}: found predictors.ctr.path, expected the site's own impressions to tune ctr on: rows of a "
            "file have no windows"
        )
    rows = impression_rows(log.impressions, log.interactions, log.item_updates, as_of=until, policy=policy)
    return latest(rows, JUDGED)


def _of_ctr(site: SiteConfig, earlier: pl.DataFrame, later: pl.DataFrame) -> float:
    policy = site.predictors.ctr
    assert policy is not None
    seen = seen_impressions(fit_ctr(earlier, policy).model, later, policy.label)
    return -float(row_log_loss(seen.labels, seen.said).mean())


def _item_sessions(site: SiteConfig, log: Log, until: datetime) -> tuple[list[ItemSession], list[ItemSession]]:
    policy = site.predictors.session
    assert policy is not None
    since = until - timedelta(days=policy.history_days)
    return hold_back(
        read_item_sessions(log.interactions, until=until, pause_minutes=policy.pause_minutes, since=since), JUDGED
    )


def _of_session(site: SiteConfig, earlier: Sequence[ItemSession], later: Sequence[ItemSession]) -> float:
    policy, repeats = site.predictors.session, site.serving.session_repeats
    assert policy is not None
    fitted = fit_sessions([each.items for each in earlier], policy, rng=np.random.default_rng(policy.seed))
    cases = cases_of(
        [each.items for each in later],
        repeats=repeats,
        at_most=policy.judged_prefixes,
        rng=np.random.default_rng(policy.seed),
    )
    if not cases:
        raise NotEnoughData(f"{site.site}: found no session that goes on, expected some to tune on")
    judged = judge_sessions(fitted.model, cases, popularity=fitted.popularity, repeats=repeats)
    return float(judged.reciprocal_ranks.mean())


SURFACES: Final[Mapping[str, Tunable]] = {
    "intent": Tunable(LOG_LIKELIHOOD, _sessions, lambda rows: rows[0].started, _of_intent),
    "ctr": Tunable(LOG_LIKELIHOOD, _impressions, lambda rows: rows[c.TIMESTAMP][0].timestamp(), _of_ctr),
    "session": Tunable(RECIPROCAL_RANK, _item_sessions, lambda rows: rows[0].started, _of_session),
}
"""What of a site's predictors can be tuned."""
