"""Looks at the experiments that run: lets more users in, or ends them, as the figures say."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from io import BytesIO
from typing import Final

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.datasets.tables import INTERACTED
from recsys.evaluation.experiments.decision import Decision, decide
from recsys.evaluation.experiments.evidence import Evidence, evidence
from recsys.evaluation.experiments.outcomes import OUTCOMES, SLATES, outcomes
from recsys.serving import experiments, lifecycle
from recsys.serving.experiments import Ended, ExperimentRecord
from recsys.serving.exposures import read_slates
from recsys.sites import SiteConfig
from recsys.sites.experiment import Experiment
from recsys.stages import change_experiment
from recsys.stages.context import StageContext, open_context
from recsys.stages.going_live import start_next_canary
from recsys.types import Frozen, SiteId

HOUR: Final = timedelta(hours=1)
BEFORE: Final = timedelta(days=14)
"""What users did so long before the start is taken away from what they did since (CUPED)."""
SETTLED: Final = timedelta(days=2)
"""Outcomes of a day that ended so long ago are not computed again."""


class Judged(Frozen):
    """One experiment after this look."""

    experiment_id: str
    state: str
    ramp: float
    reason: str
    decisions: tuple[Decision, ...]
    users: dict[str, int]
    "Seen so far, by arm."


class ExperimentsReport(Frozen):
    """What became of the site's experiments."""

    site: SiteId
    started: tuple[str, ...]
    "Declared in the site's YAML, or the next canary."
    judged: tuple[Judged, ...]


def run(*, site: SiteId, by: str = "stage judge_experiments", context: StageContext | None = None) -> ExperimentsReport:
    """Every experiment of the site that runs is judged by what is known now, and what follows is done.

    Promoted: the release goes live by the pointer, unless the experiment waits for a person's word. Aborted or
    inconclusive: what is live stays. Otherwise more users take part when the step of the ramp is over. Experiments that
    the site's YAML declares and nobody has started yet are started; with canaries, the newest accepted release follows.

    Killed anywhere and run again, it comes to the same: assignment and counts follow from users and logs.

    Raises:
        StoreError: a store did not answer. Nobody is added to an experiment meanwhile.
    """
    context = context or open_context()
    config = context.site(site)
    known = {record.experiment.id: record for record in experiments.experiments(context.dsn, site)}
    judged = [
        _judge(context, config, record, by=by) for record in reversed(known.values()) if record.state == "running"
    ]
    for declared in config.experiments:
        if declared.id not in known:
            experiments.start(context.dsn, declared, context.now(), by=by, reason="Declared in the site's YAML.")
    if config.canary.enabled:
        start_next_canary(context, site, by=by)
    now_known = [record.experiment.id for record in experiments.experiments(context.dsn, site)]
    started = tuple(sorted(set(now_known) - known.keys()))
    return ExperimentsReport(site=site, started=started, judged=tuple(judged))


def _judge(context: StageContext, site: SiteConfig, record: ExperimentRecord, *, by: str) -> Judged:
    experiment, now = record.experiment, context.now()
    if changed := _control_changed(context, record):
        ended = experiments.end(context.dsn, site.site, experiment.id, "inconclusive", now, reason=changed, by=by)
        return _told(ended, (), None)
    found = _evidence(context, record, now)
    decisions = decide(experiment, found)
    outcome, decision = _together(decisions)
    change = {"by": by, "reason": f"{decision.arm}: {decision.reason}"}
    if outcome == "promote" and not experiment.approval:
        change_experiment.promote(
            site=site.site,
            experiment_id=experiment.id,
            arm=decision.arm,
            decisions=decisions,
            context=context,
            **change,
        )
    elif outcome in ("abort", "inconclusive"):
        state: Ended = "aborted" if outcome == "abort" else "inconclusive"
        experiments.end(context.dsn, site.site, experiment.id, state, now, decisions=decisions, **change)
    else:
        hours = (now - record.started_at) / HOUR
        ramp = experiment.ramp_at(hours)
        experiments.look(context.dsn, experiment, now, ramp=ramp, decisions=decisions, **change)
    return _told(experiments.experiment(context.dsn, site.site, experiment.id), decisions, found)


def _together(decisions: Sequence[Decision]) -> tuple[str, Decision]:
    """What follows for the whole experiment, and the decision that says why: any harm ends it, any winner wins."""
    by_outcome = {decision.outcome: decision for decision in reversed(decisions)}
    for outcome in ("abort", "promote", "continue", "inconclusive"):
        if outcome in by_outcome:
            return outcome, by_outcome[outcome]
    raise AssertionError("an experiment has at least one challenger")


def _control_changed(context: StageContext, record: ExperimentRecord) -> str:
    """Why the figures cannot be compared any more; empty: they can."""
    live = lifecycle.live_release(context.dsn, record.experiment.site, record.experiment.surface)
    follows = any(arm.release_id is None for arm in record.experiment.arms)
    if not follows or live is None or live.activated_at <= record.started_at:
        return ""
    return f"{live.release_id} went live while it ran: what users got before cannot be compared with what they get now."


def _evidence(context: StageContext, record: ExperimentRecord, now: datetime) -> Evidence:
    start = record.started_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    looks = max(1, -(-(now - start) // HOUR))
    table = _outcomes(context, record.experiment, start, now)
    found = evidence(record.experiment, table, start=start, looks=looks, before=_before(context, record, start))
    return replace(found, hours=np.minimum(found.hours, (now - record.started_at) / HOUR))


def _outcomes(context: StageContext, experiment: Experiment, start: datetime, now: datetime) -> pl.DataFrame:
    """Schema OUTCOMES by hour, since the start; each day is a Parquet file that is kept with the experiment."""
    days = [start.date() + timedelta(days=day) for day in range((now.date() - start.date()).days + 1)]
    parts = [_outcomes_of(context, experiment, start, day, now) for day in days]
    return pl.concat(parts) if parts else pl.DataFrame(schema=OUTCOMES)


def _outcomes_of(
    context: StageContext, experiment: Experiment, start: datetime, day: date, now: datetime
) -> pl.DataFrame:
    key = f"experiments/{experiment.site}/{experiment.id}/outcomes/{day}.parquet"
    first = datetime.combine(day, time(), UTC)
    end = first + timedelta(days=1)
    if end + SETTLED < now and context.blobs.exists(key):
        return pl.read_parquet(BytesIO(context.blobs.get(key)))
    slates = pl.LazyFrame(read_slates(context.dsn, experiment.site, start, end), schema=SLATES, orient="row")
    earliest = max(start, first - timedelta(hours=experiment.window_hours))
    events = context.feedback(experiment.site, earliest, end).lazy()
    table = (
        outcomes(experiment, slates, events, every="1h")
        .filter(pl.col(c.TIMESTAMP).is_between(first, end, closed="left"))
        .collect()
    )
    content = BytesIO()
    table.write_parquet(content)
    context.blobs.put(key, content.getvalue())
    return table


def _before(context: StageContext, record: ExperimentRecord, start: datetime) -> pl.DataFrame:
    """user_id, before: how many events each user had in the two weeks before the start."""
    first, last = (start - BEFORE).date(), start.date()
    log = context.datasets.scan(INTERACTED, record.experiment.site, first, last)
    return log.group_by(c.USER_ID).agg(pl.len().cast(pl.Float64).alias(c.BEFORE)).collect()


def _told(record: ExperimentRecord, decisions: tuple[Decision, ...], found: Evidence | None) -> Judged:
    users = {} if found is None else {arm: int(seen[-1]) for arm, seen in found.users.items()}
    return Judged(
        experiment_id=record.experiment.id,
        state=record.state,
        ramp=record.ramp,
        reason=record.reason,
        decisions=decisions,
        users=users,
    )
