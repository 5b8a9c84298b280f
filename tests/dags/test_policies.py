from datetime import timedelta

import pytest
from airflow.sdk import RetryAction

from recsys import errors
from recsys_airflow.defaults import HOPELESS
from recsys_airflow.notifiers import FailureNotifier
from tests.dags.conftest import SITES

ATTEMPTS = 3


def every_task(dagbag):
    return [task for dag in dagbag.dags.values() for task in dag.tasks]


def test_no_dag_makes_up_for_the_past_by_itself(dagbag):
    assert [dag.dag_id for dag in dagbag.dags.values() if dag.catchup] == []


def test_a_new_sites_dags_run_at_once(dagbag):
    assert [dag.dag_id for dag in dagbag.dags.values() if dag.is_paused_upon_creation is not False] == []


def test_only_ingestion_runs_several_times_at_once(dagbag):
    runs = {dag.dag_id: dag.max_active_runs for dag in dagbag.dags.values() if dag.max_active_runs != 1}
    assert runs == {f"ingest_events__{site}": 4 for site in SITES}


def test_not_even_a_backfill_ingests_more_than_four_days_at_once(dagbag):
    """A backfill brings its own number of active runs, ten by default; the limit of the task holds all the same."""
    assert {dagbag.dags[f"ingest_events__{site}"].get_task("ingest").max_active_tis_per_dag for site in SITES} == {4}


def test_a_run_ends_one_day_and_leaves_time_for_every_attempt(dagbag):
    for dag in dagbag.dags.values():
        needed = ATTEMPTS * max(task.execution_timeout for task in dag.tasks)
        assert needed < dag.dagrun_timeout <= timedelta(days=1), dag.dag_id


def test_a_task_is_tried_three_times_with_growing_pauses(dagbag):
    for task in every_task(dagbag):
        assert (task.owner, task.retries) == ("recsys", ATTEMPTS - 1), task
        assert task.retry_delay < task.max_retry_delay <= timedelta(minutes=10), task
        assert task.retry_exponential_backoff > 1, task
        assert task.retry_policy is HOPELESS, task


def calls(owner):
    callbacks = owner.on_failure_callback
    return callbacks if isinstance(callbacks, list | tuple) else [callbacks]


def test_failures_are_told_with_the_name_of_the_site(dagbag):
    for dag in dagbag.dags.values():
        site = dag.dag_id.partition("__")[2] or "all sites"
        callbacks = [call for owner in (dag, *dag.tasks) for call in calls(owner)]
        assert all(isinstance(call, FailureNotifier) and call.site == site for call in callbacks), dag.dag_id
        assert len(callbacks) == 1 + len(dag.tasks), dag.dag_id


def test_every_dag_has_a_page_and_tags(dagbag):
    for dag in dagbag.dags.values():
        stage, _, site = dag.dag_id.partition("__")
        assert dag.doc_md.strip().startswith(f"# {stage}\n"), dag.dag_id
        assert dag.tags == {"recsys", stage} | ({f"site:{site}"} if site else set())


@pytest.mark.parametrize(
    "error",
    [
        errors.UnknownSiteError,
        errors.PartitionRefused,
        errors.SourceError,
        errors.NotEnoughData,
        errors.ReleaseError,
        errors.ExperimentError,
        errors.UnknownExperimentError,
    ],
)
def test_what_would_fail_again_is_not_tried_again(error):
    assert HOPELESS.evaluate(error("found, expected, do"), 1, ATTEMPTS).action is RetryAction.FAIL


@pytest.mark.parametrize("error", [errors.StoreError, ConnectionError, MemoryError, TimeoutError])
def test_what_may_pass_is_tried_again(error):
    assert HOPELESS.evaluate(error("away"), 1, ATTEMPTS).action is not RetryAction.FAIL
