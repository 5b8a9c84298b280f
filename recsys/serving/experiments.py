"""Which experiments a site has: starting one, letting more users in, ending it. Every function is one transaction.

    running ─→ promoted | aborted | inconclusive

Releases that an experiment tries are canaries while it runs. Who is in which arm is not stored: it follows from the
user (``assignment``). The ramp is stored: more users take part only after somebody looked at the figures.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

from recsys.errors import ExperimentError, UnknownExperimentError
from recsys.serving.audit import LIBRARY
from recsys.serving.contracts import RECOMMENDATIONS, LiveRelease
from recsys.serving.known_releases import lock_release
from recsys.serving.lifecycle import CHANNEL, activate, become_canary, put_aside
from recsys.serving.postgres import Cursor, Row, transaction
from recsys.sites.experiment import Experiment, overlapping
from recsys.types import Frozen, SiteId

ExperimentState = Literal["running", "promoted", "aborted", "inconclusive"]
Ended = Literal["promoted", "aborted", "inconclusive"]
COLUMNS: Final = "definition, state, ramp, started_at, looked_at, ended_at, reason, decisions"


class ExperimentRecord(Frozen):
    """An experiment and how it stands."""

    experiment: Experiment
    state: ExperimentState
    ramp: float
    "Share of the site's users who get something other than the control."
    started_at: datetime
    looked_at: datetime | None
    "When it was judged last; None: not yet."
    ended_at: datetime | None
    reason: str
    "Why it stands so."
    decisions: tuple[dict[str, Any], ...]
    "Of the last look, one for each challenger."


class ExperimentChange(Frozen):
    """One line of an experiment's history."""

    changed_at: datetime
    changed_by: str
    action: str
    "start, ramp, promote, abort or end."
    ramp: float
    reason: str


class ExperimentList(Frozen):
    """The experiments of a site, newest first."""

    site: SiteId
    experiments: tuple[ExperimentRecord, ...]


class ExperimentHistory(Frozen):
    """An experiment, how it stands, and what was done with it, in order."""

    record: ExperimentRecord
    history: tuple[ExperimentChange, ...]


def start(dsn: str, experiment: Experiment, at: datetime, *, by: str = LIBRARY, reason: str = "") -> ExperimentRecord:
    """The experiment runs from now on, at the first step of its ramp; its releases are canaries.

    Raises:
        ExperimentError: it, or the release of an arm, is of another surface than recommendations, the site had one of
            that name, or one that runs could claim the same users.
        ReleaseError: a release of an arm is unknown, not published, or in a state in which it cannot answer.
    """
    if experiment.surface != RECOMMENDATIONS:
        raise ExperimentError(
            f"site {experiment.site}: found experiment {experiment.id!r} of {experiment.surface}, expected one of "
            f"{RECOMMENDATIONS}: arms belong to users, and predictors answer whoever asks. Compare them with the gate"
        )
    with transaction(dsn) as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('recsys.experiment'), hashtext(%s))", (experiment.site,))
        known = _records(cursor, experiment.site)
        if any(record.experiment.id == experiment.id for record in known):
            raise ExperimentError(f"site {experiment.site}: experiment {experiment.id!r} exists; give it another id")
        running = tuple(record.experiment for record in known if record.state == "running")
        if taken := overlapping(experiment, running):
            raise ExperimentError(
                f"site {experiment.site}: {taken[0].id!r} runs in layer {experiment.layer!r} with slots "
                f"{taken[0].slots}; found slots {experiment.slots}, expected others, another layer, or its end"
            )
        for release_id in {arm.release_id for arm in experiment.arms if arm.release_id is not None}:
            release = lock_release(cursor, experiment.site, release_id)
            if release.surface != experiment.surface:
                raise ExperimentError(
                    f"site {experiment.site}: found {release_id} of {release.surface} as an arm of {experiment.id!r}, "
                    f"expected a release of {experiment.surface}"
                )
            if release.state not in ("live", "canary"):
                become_canary(cursor, release, by=by, reason=f"Experiment {experiment.id}.")
        cursor.execute(
            "INSERT INTO recsys.experiment (site, experiment_id, definition, state, ramp, started_at, reason) "
            "VALUES (%s, %s, %s, 'running', %s, %s, %s)",
            (experiment.site, experiment.id, experiment.model_dump_json(), experiment.ramp[0], at, reason),
        )
        _note(cursor, experiment, "start", experiment.ramp[0], by, reason)
        return _record(cursor, experiment.site, experiment.id)


def look(
    dsn: str,
    experiment: Experiment,
    at: datetime,
    *,
    ramp: float,
    decisions: Sequence[Frozen],
    reason: str,
    by: str = LIBRARY,
) -> ExperimentRecord:
    """The experiment was judged and goes on, with so many users. A ramp that is lower than the one so far is no change.

    Raises:
        ExperimentError: it does not run.
    """
    with transaction(dsn) as cursor:
        record = _running(cursor, experiment.site, experiment.id)
        now = max(ramp, record.ramp)
        told = json.dumps([decision.model_dump(mode="json") for decision in decisions])
        cursor.execute(
            "UPDATE recsys.experiment SET ramp = %s, looked_at = %s, reason = %s, decisions = %s "
            "WHERE site = %s AND experiment_id = %s",
            (now, at, reason, told, experiment.site, experiment.id),
        )
        if now != record.ramp:
            _note(cursor, experiment, "ramp", now, by, reason)
        return _record(cursor, experiment.site, experiment.id)


def end(
    dsn: str,
    site: SiteId,
    experiment_id: str,
    state: Ended,
    at: datetime,
    *,
    reason: str,
    decisions: Sequence[Frozen] = (),
    by: str = LIBRARY,
) -> ExperimentRecord:
    """Everybody is answered by what is live from now on; canaries that did not go live are put aside.

    A promoted arm's release must be live already.

    Raises:
        ExperimentError: it does not run.
    """
    with transaction(dsn) as cursor:
        experiment = _running(cursor, site, experiment_id).experiment
        told = json.dumps([decision.model_dump(mode="json") for decision in decisions])
        cursor.execute(
            "UPDATE recsys.experiment SET state = %s, ended_at = %s, looked_at = %s, reason = %s, decisions = %s "
            "WHERE site = %s AND experiment_id = %s RETURNING ramp",
            (state, at, at, reason, told, site, experiment_id),
        )
        row: Row = cursor.fetchone()
        for arm in experiment.arms:
            if arm.release_id is not None:
                put_aside(cursor, lock_release(cursor, site, arm.release_id), by=by, reason=reason)
        action = {"promoted": "promote", "aborted": "abort", "inconclusive": "end"}[state]
        _note(cursor, experiment, action, row[0], by, reason)
        return _record(cursor, site, experiment_id)


def promote(
    dsn: str,
    site: SiteId,
    experiment_id: str,
    arm: str | None,
    at: datetime,
    *,
    reason: str = "",
    decisions: Sequence[Frozen] = (),
    by: str = LIBRARY,
) -> tuple[ExperimentRecord, LiveRelease | None]:
    """The arm's release is live, and the experiment is over; killed between the two, done again it comes to the same.

    Args:
        dsn: the serving database.
        site: whose.
        experiment_id: one that runs.
        arm: which challenger; None: the only one. One without a release ends the experiment and moves no pointer.
        at: now.
        reason: why.
        decisions: those that led to it.
        by: who says so.

    Returns:
        The experiment, and the pointer where it was moved.

    Raises:
        ExperimentError: it does not run, or has no such challenger.
        ReleaseError: the release cannot go live.
    """
    with transaction(dsn) as cursor:
        challengers = {each.name: each for each in _running(cursor, site, experiment_id).experiment.challengers}
    chosen = challengers.get(next(iter(challengers)) if arm is None and len(challengers) == 1 else arm or "")
    if chosen is None:
        raise ExperimentError(
            f"experiment {experiment_id!r}: found arm {arm!r}, expected one of: {', '.join(challengers)}"
        )
    why, live = reason or f"{chosen.name} was promoted.", None
    if chosen.release_id is not None:
        live = activate(dsn, site, chosen.release_id, at, by=by, reason=why)
    return end(dsn, site, experiment_id, "promoted", at, reason=why, decisions=decisions, by=by), live


def experiments(dsn: str, site: SiteId) -> list[ExperimentRecord]:
    """Those of the site, the newest first."""
    with transaction(dsn) as cursor:
        return _records(cursor, site)


def experiment(dsn: str, site: SiteId, experiment_id: str) -> ExperimentRecord:
    """One of them. Raises UnknownExperimentError."""
    with transaction(dsn) as cursor:
        return _record(cursor, site, experiment_id)


def history(dsn: str, site: SiteId, experiment_id: str) -> ExperimentHistory:
    """One of them with what was done. Raises UnknownExperimentError."""
    with transaction(dsn) as cursor:
        record = _record(cursor, site, experiment_id)
        cursor.execute(
            "SELECT changed_at, changed_by, action, ramp, reason FROM recsys.experiment_change "
            "WHERE site = %s AND experiment_id = %s ORDER BY change_id",
            (site, experiment_id),
        )
        names = tuple(ExperimentChange.model_fields)
        rows: list[Row] = cursor.fetchall()
    done = tuple(ExperimentChange(**dict(zip(names, row, strict=True))) for row in rows)
    return ExperimentHistory(record=record, history=done)


def _records(cursor: Cursor, site: SiteId) -> list[ExperimentRecord]:
    cursor.execute(
        f"SELECT {COLUMNS} FROM recsys.experiment WHERE site = %s ORDER BY started_at DESC, experiment_id", (site,)
    )
    return [_of_row(row) for row in cursor.fetchall()]


def _record(cursor: Cursor, site: SiteId, experiment_id: str, *, lock: bool = False) -> ExperimentRecord:
    cursor.execute(
        f"SELECT {COLUMNS} FROM recsys.experiment WHERE site = %s AND experiment_id = %s" + (" FOR UPDATE" * lock),
        (site, experiment_id),
    )
    row = cursor.fetchone()
    if row is None:
        raise UnknownExperimentError(
            f"site {site} has no experiment {experiment_id!r}; recsys experiments list --site {site}"
        )
    return _of_row(row)


def _running(cursor: Cursor, site: SiteId, experiment_id: str) -> ExperimentRecord:
    record = _record(cursor, site, experiment_id, lock=True)
    if record.state != "running":
        raise ExperimentError(f"experiment {experiment_id!r}: found it {record.state}, expected one that is running")
    return record


def _of_row(row: Row) -> ExperimentRecord:
    definition, *rest = row
    names = COLUMNS.split(", ")[1:]
    return ExperimentRecord(experiment=Experiment.model_validate(definition), **dict(zip(names, rest, strict=True)))


def _note(cursor: Cursor, experiment: Experiment, action: str, ramp: float, by: str, reason: str) -> None:
    """The change is in the history, and every worker of the web service looks."""
    cursor.execute(
        "INSERT INTO recsys.experiment_change (site, experiment_id, changed_by, action, ramp, reason) "
        "VALUES (%s, %s, %s, %s, %s, %s)",
        (experiment.site, experiment.id, by, action, ramp, reason),
    )
    cursor.execute("SELECT pg_notify(%s, %s)", (CHANNEL, experiment.site))
