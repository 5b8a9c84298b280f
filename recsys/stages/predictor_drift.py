"""Whether the predictors that are live still see what they learned from, and whether what they say still holds."""

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from recsys.errors import FeatureMismatch
from recsys.evaluation.drift.outcomes import outcome
from recsys.evaluation.drift.predictors import Compared, PredictorDrift, checks
from recsys.evaluation.drift.reference import Reference
from recsys.evaluation.gate.check import not_measured
from recsys.predictors.quality import row_log_loss
from recsys.predictors.seen import SeenRows
from recsys.releases import files as f
from recsys.releases.moments import Log
from recsys.serving import lifecycle
from recsys.serving.contracts import ReleaseSummary
from recsys.stages import publish_predictor
from recsys.stages.context import StageContext
from recsys.stages.later_rows import FOUND_BY


def look(context: StageContext, log: Log, as_of: datetime) -> tuple[PredictorDrift, ...]:
    """Each predictor that the site asks for and that is live, as of that moment; ``log`` ends there.

    One that learned from what is later than ``as_of`` is left out.
    """
    site = log.site.site
    asked = {surface for surface in FOUND_BY if getattr(log.site.predictors, surface) is not None}
    live = [
        lifecycle.release_summary(context.dsn, site, pointer.release_id)
        for pointer in lifecycle.pointers(context.dsn, site)
        if pointer.surface in asked
    ]
    return tuple(_looked_at(context, log, each, as_of) for each in live if each.as_of <= as_of)


def _looked_at(context: StageContext, log: Log, live: ReleaseSummary, as_of: datetime) -> PredictorDrift:
    policy, store = log.site.drift.predictors, f.ReleaseFiles(context.blobs, log.site.site, live.release_id)
    compared = None
    with tempfile.TemporaryDirectory() as folder:
        store.get_folder(publish_predictor.MODEL, Path(folder))
        try:
            rows = FOUND_BY[live.surface](context, log, Path(folder), trained=live.as_of, until=as_of)
        except FeatureMismatch:
            found = [not_measured("what it looks at", "the features that this version makes")]
        else:
            if rows is not None and store.has(f.REFERENCE):
                reference = Reference.model_validate(store.get_json(f.REFERENCE))
                compared = _compared(reference, rows, least=log.site.drift.min_rows)
            found = checks(policy, age_hours=(as_of - live.as_of) / timedelta(hours=1), compared=compared)
    return PredictorDrift(
        surface=live.surface,
        release_id=live.release_id,
        trained_as_of=live.as_of,
        checks=tuple(found),
        compared=compared,
    )


def _compared(reference: Reference, rows: SeenRows, *, least: int) -> Compared | None:
    if min(reference.rows, len(rows.labels)) < least:
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
