"""What one DAG hands to the next: the id of the release they work on, in the extra of an asset event."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowSkipException

from recsys.types import ReleaseId

RELEASE_ID: Final = "release_id"

RELEASE_PARAMS: Final = {
    RELEASE_ID: Param(
        None,
        type=["null", "string"],
        title="Release",
        description="Empty: the site's newest unfinished release.",
    ),
}
"""What the UI asks for when a training or a release is started by hand."""


def hand_over(outcome: Mapping[str, Any], event: Any) -> ReleaseId:
    """The asset event says which release it is about, and the DAGs that follow start.

    Args:
        outcome: what the stage reported, as JSON; names its ``release_id``.
        event: the task's ``outlet_events[asset]``.

    Raises:
        AirflowSkipException: there is nothing to follow: the stage found nothing new, or the gate refused. That is an
            outcome, not a failure; the task is shown as skipped and its log says why.
    """
    release_id: ReleaseId = outcome[RELEASE_ID]
    if outcome.get("unchanged", False):
        raise AirflowSkipException(f"nothing new: release {release_id} was built from the same data before")
    if not outcome.get("accepted", True):
        raise AirflowSkipException(f"release {release_id} does not go live, the one before stays. {outcome['reason']}")
    if not outcome.get("live", True):
        raise AirflowSkipException(f"nothing is live that was not: release {release_id} is a canary, or was taken off")
    event.extra = {RELEASE_ID: release_id}
    return release_id


def require_new(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """What a training of a predictor reported, as it is.

    Args:
        outcome: as JSON; names its ``release_id``, its ``state``, and whether it is ``unchanged``.

    Raises:
        AirflowSkipException: nothing was trained, because nothing is new; the task is shown as skipped.
    """
    if outcome["unchanged"]:
        raise AirflowSkipException(
            f"nothing new: release {outcome[RELEASE_ID]}, {outcome['state']}, was trained on the same log, with the "
            "same configuration and code"
        )
    return dict(outcome)


def tell_of_drift(
    report: Mapping[str, Any], event: Any, *, retrain: bool, kind: Literal["alarms", "predictor_alarms"] = "alarms"
) -> None:
    """The asset event says what drifted, and a training starts.

    Args:
        report: by ``kind`` the names of the checks that did not pass; and ``reason``.
        event: the task's ``outlet_events[asset]``.
        retrain: whether the site wants a training for that.
        kind: those of the day and the recommendations, or those of the predictors.

    Raises:
        AirflowSkipException: nothing drifted, or no training is wanted; the reason stands in the task's log.
    """
    if not report[kind]:
        raise AirflowSkipException(report["reason"])
    if not retrain:
        key = "drift.retrain" if kind == "alarms" else "drift.predictors.retrain"
        raise AirflowSkipException(f"no training is started, {key} is false. {report['reason']}")
    event.extra = {"alarms": report[kind]}


def handed_over(params: Mapping[str, Any], started_by: Mapping[Any, Any], announced: Any) -> ReleaseId | None:
    """The release this run is for.

    A run that assets started takes the newest release that was announced by the time it starts, also when an older one
    started it: what was overtaken need not be finished. (Airflow 3.3 loses an event that comes while another one waits
    for the DAG to be free; looking at what was announced, instead of at what started the run, makes up for it.)

    Args:
        params: may hold ``release_id``, which then wins.
        started_by: the run's ``triggering_asset_events``; empty for a run that was started by hand.
        announced: the task's ``inlet_events`` of the asset that the DAG follows.

    Returns:
        None where nothing names one: the stage takes the site's newest unfinished release.
    """
    if params.get(RELEASE_ID):
        return str(params[RELEASE_ID])
    if not started_by:
        return None
    release_id: ReleaseId | None = announced.ascending(False).limit(1)[0].extra.get(RELEASE_ID)
    return release_id


def named(dag_run: Any) -> str:
    """The run, as the audit names it."""
    return f"DAG run {dag_run.dag_id} {dag_run.run_id}"
