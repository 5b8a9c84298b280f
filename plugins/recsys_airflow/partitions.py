"""Airflow's partition key and parameters, as the library's days."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException

KEY_FORMAT: Final = "%Y-%m-%d"
HOUR_KEY_FORMAT: Final = "%Y-%m-%dT%H"
CENTURY: Final = 36_525

RANGE_PARAMS: Final = {
    "start_date": Param(
        None,
        type=["null", "string"],
        format="date",
        title="First day",
        description="The first UTC day of a range that one task loads. Leave it empty to load the partition key's day.",
    ),
    "days": Param(
        1,
        type="integer",
        minimum=1,
        maximum=CENTURY,
        title="Days",
        description="How many days from the first day on, at least 1.",
    ),
}
"""What the UI asks for when an ingestion is started by hand."""

AS_OF_PARAMS: Final = {
    "as_of": Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="As of",
        description="Nothing at or after this time is known to the release. Empty: the end of the event log.",
    ),
}
"""What the UI asks for when a build is started by hand."""


def days_of(dag_run: Any, params: Mapping[str, Any]) -> tuple[date, int]:
    """The first UTC day this run is for, and how many days.

    Args:
        dag_run: the run as the task sees it; its ``partition_key`` is None when it was started by hand without one.
        params: ``start_date`` (YYYY-MM-DD or None) and ``days``.

    Raises:
        AirflowFailException: neither a day nor a range was named, or both were; the task is not tried again.
    """
    start, days = params.get("start_date"), int(params.get("days") or 1)
    if start is None:
        if days != 1:
            raise AirflowFailException(
                f"run {dag_run.run_id}: found days: {days} without a start_date; "
                "name the first day of the range as start_date, YYYY-MM-DD"
            )
        return day_of(dag_run), 1
    if dag_run.partition_key is not None:
        raise AirflowFailException(
            f"run {dag_run.run_id}: found the partition key {dag_run.partition_key} and start_date {start}; "
            "expected one of them: a partition key for one day, start_date and days for a range"
        )
    return _parsed(start, "start_date"), days


def day_before(dag_run: Any, params: Mapping[str, Any]) -> date:
    """The last UTC day that was over: before ``as_of``, or before the run was due."""
    moment = as_of(params) or dag_run.run_after
    return moment.astimezone(UTC).date() - timedelta(days=1)


def day_of(dag_run: Any) -> date:
    """The UTC day of the run's partition key, also where the key is an hour of it.

    Raises:
        AirflowFailException: the run has no partition key, or it is neither a day nor an hour; the task is not tried
            again.
    """
    return _key_of(dag_run).date()


def hour_of(dag_run: Any) -> int | None:
    """The UTC hour of the run's partition key; None where the key is a day, or where there is none."""
    key = dag_run.partition_key
    return _key_of(dag_run).hour if key is not None and "T" in key else None


def announce(event: Any, dag_run: Any, report: Mapping[str, Any]) -> None:
    """The asset event names the run's partition, and every earlier one that was written again because events came late.

    A run over a range has no partition key; its event names none, and what follows sees the whole log anyway.

    Args:
        event: the task's ``outlet_events[asset]``.
        dag_run: the run as the task sees it.
        report: what the stage reported, as JSON; names ``late`` partitions.
    """
    if dag_run.partition_key is not None:
        event.add_partitions([dag_run.partition_key, *(late["partition"] for late in report["late"])])


def _key_of(dag_run: Any) -> datetime:
    key = dag_run.partition_key
    if key is None:
        raise AirflowFailException(
            f"run {dag_run.run_id} names no day; start it with a partition key YYYY-MM-DD, "
            "or with start_date and days for a range"
        )
    for form in (KEY_FORMAT, HOUR_KEY_FORMAT):
        with suppress(ValueError):
            return datetime.strptime(key, form)  # noqa: DTZ007  a partition key is UTC
    raise AirflowFailException(f"partition key: found {key!r}, expected a day as YYYY-MM-DD, or an hour, YYYY-MM-DDTHH")


def as_of(params: Mapping[str, Any]) -> datetime | None:
    """The moment the run was asked for, aware; None where none was named.

    Raises:
        AirflowFailException: it is not a time, or has no time zone.
    """
    text = params.get("as_of")
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise AirflowFailException(f"as_of: found {text!r}, expected a time with its zone, as 2026-08-01T00:00:00Z")
    return moment


def _parsed(text: str, name: str) -> date:
    try:
        return datetime.strptime(text, KEY_FORMAT).date()  # noqa: DTZ007  a day has no time zone
    except ValueError:
        raise AirflowFailException(f"{name}: found {text!r}, expected a day as YYYY-MM-DD") from None
