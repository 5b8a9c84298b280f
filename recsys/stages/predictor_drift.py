"""Whether the predictors that are live still see what they learned from, and whether what they say still holds."""

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from recsys.errors import FeatureMismatch
from recsys.evaluation.drift.outcomes import mean, outcome
from recsys.evaluation.drift.predictors import Compared, Continued, PredictorDrift, checks
from recsys.evaluation.drift.reference import Reference
from recsys.evaluation.gate.check import not_measured
from recsys.predictors.gate import MODEL
from recsys.predictors.quality import row_log_loss
from recsys.predictors.seen import SeenRows
from recsys.predictors.session import cases_of, judge_sessions, read_item_sessions
from recsys.releases import files as f
from recsys.releases.moments import Log
from recsys.serving import lifecycle
from recsys.serving.continuing.model import NextItems
from recsys.serving.contracts import ReleaseSummary
from recsys.sites.drift_policy import DriftPolicy
from recsys.stages import publish_predictor
from recsys.stages.context import StageContext
from recsys.stages.later_rows import FOUND_BY, first_looked_at

MOST_CASES: Final = 5_000
"""Beginnings of sessions that a model of next items is asked about; of more, a sample."""


def look(context: StageContext, log: Log, as_of: datetime) -> tuple[PredictorDrift, ...]:
    """Each predictor that the site asks for and that is live, as of that moment; ``log`` ends there.

    One that learned from what is later than ``as_of`` is left out.
    """
    site = log.site.site
    asked = {name for name, policy in log.site.predictors if policy is not None}
    live = [
        lifecycle.release_summary(context.dsn, site, pointer.release_id)
        for pointer in lifecycle.pointers(context.dsn, site)
        if pointer.surface in asked
    ]
    return tuple(_looked_at(context, log, each, as_of) for each in live if each.as_of <= as_of)


def _looked_at(context: StageContext, log: Log, live: ReleaseSummary, as_of: datetime) -> PredictorDrift:
    policy, store = log.site.drift.predictors, f.ReleaseFiles(context.blobs, log.site.site, live.release_id)
    found: Compared | Continued | None = None
    with tempfile.TemporaryDirectory() as folder:
        store.get_folder(publish_predictor.MODEL, Path(folder))
        try:
            if live.surface == "session":
                found = _continued(log, store, Path(folder), live.as_of, as_of)
            elif store.has(f.REFERENCE):
                rows = FOUND_BY[live.surface](context, log, Path(folder), trained=live.as_of, until=as_of)
                reference = Reference.model_validate(store.get_json(f.REFERENCE))
                found = None if rows is None else _compared(reference, rows, log.site.drift)
        except FeatureMismatch:
            said = [not_measured("what it looks at", "the features that this version makes")]
        else:
            said = checks(policy, age_hours=(as_of - live.as_of) / timedelta(hours=1), found=found)
    return PredictorDrift(
        surface=live.surface,
        release_id=live.release_id,
        trained_as_of=live.as_of,
        checks=tuple(said),
        found=found,
    )


def _continued(log: Log, store: f.ReleaseFiles, folder: Path, trained: datetime, until: datetime) -> Continued | None:
    policy, repeats = log.site.predictors.session, log.site.serving.session_repeats
    assert policy is not None  # it was asked for
    model = NextItems.load(folder)
    since = max(trained, first_looked_at(log, until))
    sessions = [
        each.items
        for each in read_item_sessions(log.interactions, until=until, pause_minutes=policy.pause_minutes, since=since)
    ]
    cases = cases_of(sessions, repeats=repeats, at_most=MOST_CASES, rng=np.random.default_rng(0))
    if len(cases) < log.site.drift.min_rows:
        return None
    judged = judge_sessions(model, cases, popularity={}, repeats=repeats)
    known = set(model.items)
    met = [item for session in sessions for item in session]
    return Continued(
        rows=len(cases),
        mrr=mean(judged.reciprocal_ranks, judged.groups, rng=np.random.default_rng(0)),
        mrr_before=store.get_json(f.REPORT)["quality"][MODEL]["mrr"],
        unknown_items=sum(item not in known for item in met) / len(met),
    )


def _compared(reference: Reference, rows: SeenRows, policy: DriftPolicy) -> Compared | None:
    if min(reference.rows, len(rows.labels)) < policy.min_rows:
        return None
    base_rate = np.full(len(rows.labels), reference.rate)
    return Compared(
        rows=len(rows.labels),
        features=reference.changes(rows.names, rows.table),
        predictions=reference.predictions.change(rows.said),
        outcome=outcome(
            rows.labels,
            rows.said,
            row_log_loss(rows.labels, rows.said),
            row_log_loss(rows.labels, base_rate),
            rows.users,
            rng=np.random.default_rng(0),
        ),
        auc_before=reference.auc,
    )
