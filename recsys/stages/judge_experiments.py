"""Looks at the experiments that run: lets more users in, or ends them, as the figures say."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from recsys.evaluation.experiments.coverage import coverage
from recsys.evaluation.experiments.decision import Decision, decide, proven
from recsys.evaluation.experiments.evidence import Evidence, evidence
from recsys.evaluation.experiments.report import write_report
from recsys.releases import files as f
from recsys.serving import experiments, lifecycle
from recsys.serving.experiments import Ended, ExperimentRecord
from recsys.sites import SiteConfig
from recsys.stages import change_experiment
from recsys.stages.context import StageContext, open_context
from recsys.stages.experiment_outcomes import HOUR, Gathered, folder, gather
from recsys.stages.going_live import start_next_canary
from recsys.types import Frozen, SiteId


class Judged(Frozen):
    """One experiment after this look."""

    experiment_id: str
    state: str
    ramp: float
    reason: str
    decisions: tuple[Decision, ...]
    users: dict[str, int]
    "Seen so far, by arm."
    report: str
    "Where the page with the pictures lies; empty where nothing was compared."


class ExperimentsReport(Frozen):
    """What became of the site's experiments."""

    site: SiteId
    started: tuple[str, ...]
    "Declared in the site's YAML, or the next canary."
    judged: tuple[Judged, ...]


def run(*, site: SiteId, by: str = "stage judge_experiments", context: StageContext | None = None) -> ExperimentsReport:
    """Every experiment of the site that runs is judged by what is known now, and what follows is done.

    Promoted: the release goes live by the pointer, unless the experiment waits for a person's word. Aborted or
    inconclusive: what is live stays. Otherwise more users take part when the step of the ramp is over and a harm that
    must be excluded first is. Experiments that the site's YAML declares and nobody has started yet are started; with
    canaries, the newest accepted release follows.

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
        return _told(ended)
    gathered = gather(context, record, now)
    found = evidence(experiment, gathered.outcomes, start=gathered.start, looks=gathered.looks, before=gathered.before)
    found = replace(found, hours=np.minimum(found.hours, (now - record.started_at) / HOUR))
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
        ramp = experiment.ramp_at(hours, proven=proven(experiment, found))
        experiments.look(context.dsn, experiment, now, ramp=ramp, decisions=decisions, **change)
    page = _report(context, record, gathered, found, decisions)
    return _told(experiments.experiment(context.dsn, site.site, experiment.id), decisions, found, page)


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


def _report(
    context: StageContext,
    record: ExperimentRecord,
    gathered: Gathered,
    found: Evidence,
    decisions: tuple[Decision, ...],
) -> str:
    """The page and its pictures lie in the data store; returns where."""
    experiment = record.experiment
    live = lifecycle.live_release(context.dsn, experiment.site, experiment.surface)
    covered = {}
    if live is not None:
        items = f.ReleaseFiles(context.blobs, experiment.site, live.release_id)
        catalogue = items.get_frame(f.ITEMS).height if items.has(f.ITEMS) else 0
        covered = coverage(experiment, gathered.slates, catalogue=catalogue) if catalogue else {}
    with TemporaryDirectory() as aside:
        page = write_report(Path(aside), experiment, found, decisions, start=gathered.start, covered=covered)
        for file in page.parent.iterdir():
            context.blobs.upload(file, f"{folder(experiment)}/report/{file.name}")
    return context.blobs.location(f"{folder(experiment)}/report/{page.name}")


def _told(
    record: ExperimentRecord, decisions: tuple[Decision, ...] = (), found: Evidence | None = None, report: str = ""
) -> Judged:
    users = {} if found is None else {arm: int(seen[-1]) for arm, seen in found.users.items()}
    return Judged(
        experiment_id=record.experiment.id,
        state=record.state,
        ramp=record.ramp,
        reason=record.reason,
        decisions=decisions,
        users=users,
        report=report,
    )
