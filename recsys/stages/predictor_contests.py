"""A predictor, fitted on the earlier part of the log, and what it and its rivals say of the later part."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from recsys.errors import ConfigError, FeatureMismatch, NotEnoughData, ReleaseError
from recsys.predictors.ctr import fit_ctr, impression_rows, latest, read_rows
from recsys.predictors.ctr.judging import contestants
from recsys.predictors.ctr.seen import seen_impressions
from recsys.predictors.ctr.training import columns_of
from recsys.predictors.gate import LIVE, MODEL
from recsys.predictors.intent import fit_intent, hold_back, prefixes_of, read_sessions
from recsys.predictors.intent.seen import seen_sessions
from recsys.predictors.probability_contest import ProbabilityContest
from recsys.predictors.session import SessionContest, cases_of, fit_sessions, judge_sessions, read_item_sessions
from recsys.releases.moments import Log
from recsys.serving.continuing.model import NextItems
from recsys.serving.predicting.clicks import ClickProbability
from recsys.serving.predicting.intent import PurchaseIntent
from recsys.serving.predicting.session import SessionRules
from recsys.sites import SiteConfig

JUDGED: Final = 0.2
"""Share of sessions or rows, the latest, that nothing is learned from: predictors are judged on them."""


def of_intent(site: SiteConfig, log: Log, as_of: datetime, live: Path | None) -> ProbabilityContest:
    """Sessions; ``live`` is the folder of the model that is live.

    Raises:
        ConfigError: the site does not ask for it.
        TableRefused: the sessions are not what the site expects.
        NotEnoughData: nobody bought, or everybody did.
    """
    rules, policy = SessionRules.of_site(site), site.predictors.intent
    assert policy is not None  # else there are no rules
    since = as_of - timedelta(days=policy.history_days)
    sessions = read_sessions(log.interactions, log.item_updates, rules, until=as_of, since=since)
    earlier, later = hold_back(sessions, JUDGED)
    fitted = fit_intent(earlier, rules, policy, rng=np.random.default_rng(policy.seed))
    judged = prefixes_of(later, rules)
    table = judged.examples.table
    said = {MODEL: fitted.model.scorer.along(table, judged.session)}
    said |= {name: rival.predict(table) for name, rival in fitted.baselines.items()}
    if live is not None and (before := _intent(live)) is not None and before.rules == rules:
        said[LIVE] = before.scorer.along(table, judged.session)
    seen = seen_sessions(fitted.model.scorer.features, later, judged, said[MODEL])
    return ProbabilityContest(fitted.model, fitted.learned, judged.examples.labels, said, judged.session, seen)


def of_ctr(site: SiteConfig, log: Log, as_of: datetime, live: Path | None) -> ProbabilityContest:
    """Impressions, or the rows of the site's file; ``live`` is the folder of the model that is live.

    Raises:
        ConfigError: the site does not ask for it.
        SourceError: the site names a file that is not there, or not in its form.
        TableRefused: the rows are not what the site expects.
        NotEnoughData: nothing was clicked, or everything.
    """
    policy = site.predictors.ctr
    if policy is None:
        raise ConfigError(f"{site.site}: found no predictors.ctr, expected one; add `predictors: {{ctr: {{}}}}`")
    if policy.path is None:
        rows = impression_rows(log.impressions, log.interactions, log.item_updates, as_of=as_of, policy=policy)
    else:
        rows = read_rows(policy)
    earlier, later = latest(rows.drop_nulls(policy.label), JUDGED)
    fitted = fit_ctr(earlier, policy)
    said = contestants(fitted, later, policy)
    if live is not None and (before := _clicks(live)) is not None and set(before.columns) <= set(later.columns):
        said[LIVE] = before.scorer.predict(before.encoder.table(columns_of(later, before.reader)))
    labels = later[policy.label].to_numpy().astype(np.bool_)
    seen = seen_impressions(fitted.model, later, policy.label) if policy.path is None else None
    return ProbabilityContest(fitted.model, len(fitted.examples), labels, said, np.arange(later.height), seen)


def of_session(site: SiteConfig, log: Log, as_of: datetime, live: Path | None) -> SessionContest:
    """Sessions of items; ``live`` is the folder of the model that is live.

    Raises:
        ConfigError: the site does not ask for it.
        TableRefused: the sessions are not what the site expects.
        NotEnoughData: no later session goes on after its first item.
    """
    policy, repeats = site.predictors.session, site.serving.session_repeats
    if policy is None:
        raise ConfigError(
            f"{site.site}: found no predictors.session, expected one; add `predictors: {{session: {{}}}}`"
        )
    since = as_of - timedelta(days=policy.history_days)
    sessions = read_item_sessions(log.interactions, until=as_of, pause_minutes=policy.pause_minutes, since=since)
    earlier, later = ([each.items for each in part] for part in hold_back(sessions, JUDGED))
    rng = np.random.default_rng(policy.seed)
    cases = cases_of(later, repeats=repeats, at_most=policy.judged_prefixes, rng=rng)  # the same whatever is learned
    if not cases:
        raise NotEnoughData(f"{site.site}: found {len(later)} later sessions that go on nowhere, expected some that do")
    fitted = fit_sessions(earlier, policy, rng=rng)
    asked = {MODEL: fitted.model, **fitted.baselines}
    if live is not None and (before := _next_items(live)) is not None:
        asked[LIVE] = before
    judged = {
        name: judge_sessions(model, cases, popularity=fitted.popularity, repeats=repeats)
        for name, model in asked.items()
    }
    return SessionContest(fitted.model, fitted.sessions, judged)


def _next_items(folder: Path) -> NextItems | None:
    try:
        return NextItems.load(folder)
    except ReleaseError:  # of a kind that this library has no more
        return None


def _intent(folder: Path) -> PurchaseIntent | None:
    try:
        return PurchaseIntent.load(folder)
    except FeatureMismatch:  # of an earlier version of this library: nothing that could still be asked
        return None


def _clicks(folder: Path) -> ClickProbability | None:
    try:
        return ClickProbability.load(folder)
    except FeatureMismatch:
        return None
