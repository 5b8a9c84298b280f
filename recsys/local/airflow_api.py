"""Airflow's REST API, as much of it as starting, watching and backfilling DAGs takes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any, Self

import httpx
from pydantic import AwareDatetime, BaseModel

from recsys.errors import PlatformError
from recsys.layout import Settings

FINISHED = ("success", "failed")
PAUSE = 2.0
"""Seconds between two looks at a run."""
PATIENCE = 30.0
"""Seconds for one answer; Airflow on a busy machine is slow."""
AWAY = 90.0
"""Seconds that Airflow may be away in the middle."""


class Run(BaseModel):
    """One DAG run, as Airflow tells it."""

    dag_id: str
    dag_run_id: str
    state: str
    "queued, running, success or failed."
    run_after: AwareDatetime
    start_date: AwareDatetime | None = None
    end_date: AwareDatetime | None = None
    partition_key: str | None = None
    conf: dict[str, Any] | None = None


class AirflowApi:
    """A logged-in client. Its errors are PlatformError with what Airflow said."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    @classmethod
    @contextmanager
    def connect(cls, settings: Settings) -> Iterator[Self]:
        """A client of the settings' Airflow, closed at the end."""
        login = {"username": settings.recsys_airflow_user}
        login["password"] = settings.recsys_airflow_password.get_secret_value()
        with httpx.Client(base_url=settings.airflow_url, timeout=PATIENCE, trust_env=False) as client:
            token = _checked(client.post("/auth/token", json=login))["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield cls(client)

    def dag_ids(self) -> set[str]:
        """Every DAG that has been parsed and is not gone."""
        return {dag["dag_id"] for dag in self._all("/api/v2/dags", "dags")}

    def import_errors(self) -> dict[str, str]:
        """What kept DAG files from being parsed, by file."""
        return {error["filename"]: error["stack_trace"] for error in self._all("/api/v2/importErrors", "import_errors")}

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None, *, partition_key: str | None = None) -> Run:
        """A new manual run is queued."""
        body: dict[str, Any] = {"logical_date": None, "conf": conf or {}}
        if partition_key is not None:
            body["partition_key"] = partition_key
        return Run.model_validate(self._ask("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body))

    def run(self, dag_id: str, dag_run_id: str) -> Run:
        """How the run stands."""
        return Run.model_validate(self._ask("GET", f"/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}"))

    def runs(self, dag_id: str, *, newest: int | None = None) -> list[Run]:
        """Runs of the DAG, newest first: all, or the ``newest`` ones (at most 100)."""
        path = f"/api/v2/dags/{dag_id}/dagRuns"
        if newest is None:
            found = self._all(path, "dag_runs", order_by="-run_after")
        else:
            found = self._ask("GET", path, params={"limit": newest, "order_by": "-run_after"})["dag_runs"]
        return [Run.model_validate(run) for run in found]

    def task_states(self, run: Run) -> dict[str, str | None]:
        """The state of each task instance of a run; mapped ones as ``task[3]``."""
        path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.dag_run_id}/taskInstances"
        return {_task_name(task): task["state"] for task in self._all(path, "task_instances")}

    def wait(self, run: Run, seconds: float) -> Run:
        """The run is over, well or badly.

        Raises:
            PlatformError: it is not, after ``seconds``.
        """
        end = time.monotonic() + seconds
        while (run := self.run(run.dag_id, run.dag_run_id)).state not in FINISHED:
            if time.monotonic() > end:
                raise PlatformError(f"{run.dag_id} {run.dag_run_id} is still {run.state} after {seconds:.0f} s")
            time.sleep(PAUSE)
        return run

    def backfill(self, dag_id: str, first: date, last: date, *, again: bool = False) -> int:
        """A backfill over the days first to last, both included, is queued; returns its id.

        Args:
            dag_id: a DAG with a schedule.
            first: first UTC day.
            last: last UTC day.
            again: also days that have a run already.
        """
        body = {
            "dag_id": dag_id,
            "from_date": f"{first.isoformat()}T00:00:00Z",
            "to_date": f"{last.isoformat()}T23:59:59Z",
            "reprocess_behavior": "completed" if again else "none",
        }
        return int(self._ask("POST", "/api/v2/backfills", json=body)["id"])

    def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """The answer; while Airflow is away (it may be starting again) what is safe to ask twice is asked again."""
        end = time.monotonic() + AWAY
        while True:
            try:
                return _checked(self._client.request(method, path, **request))
            except httpx.TransportError as error:
                safe = method == "GET" or isinstance(error, httpx.ConnectError)
                if not safe or time.monotonic() > end:
                    raise PlatformError(f"Airflow did not answer {method} {path}: {error!r}") from error
                time.sleep(PAUSE)

    def _all(self, path: str, key: str, **query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            answer = self._ask("GET", path, params={"limit": 100, "offset": len(found), **query})
            found += answer[key]
            if not answer[key] or len(found) >= answer["total_entries"]:
                return found


def _checked(response: httpx.Response) -> dict[str, Any]:
    if response.is_error:
        request = response.request
        raise PlatformError(
            f"Airflow answered {response.status_code} to {request.method} {request.url.path}: {response.text[:500]}"
        )
    return dict(response.json())


def _task_name(task: dict[str, Any]) -> str:
    return task["task_id"] if task["map_index"] < 0 else f"{task['task_id']}[{task['map_index']}]"
