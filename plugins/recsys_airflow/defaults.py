"""What every DAG has in common: who owns it, how often it is tried, how long it may take, who is told."""

from datetime import timedelta
from typing import Any, Final

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from recsys.types import SiteId
from recsys_airflow.notifiers import FailureNotifier

OWNER: Final = "recsys"
RETRIES: Final = 2
FIRST_DELAY: Final = timedelta(seconds=30)
LONGEST_DELAY: Final = timedelta(minutes=10)
BACK_OFF: Final = 4.0
"""Each delay is this many times the one before."""

NOT_AT_ALL: Final = timedelta(0)

HOPELESS: Final = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=[
                "recsys.errors.ConfigError",
                "recsys.errors.DataError",
                "recsys.errors.NotFittedError",
                "recsys.errors.FeatureMismatch",
                "recsys.errors.ReleaseError",
                "recsys.errors.ExperimentError",
            ],
            action=RetryAction.FAIL,
            reason="the same input would fail in the same way",
        )
    ]
)
"""Errors that a second attempt cannot mend fail at once; all others (a server is away) are tried again."""


def policy(
    stage: str,
    *,
    doc: str | None,
    site: SiteId | None = None,
    longest: timedelta,
    waits: timedelta = NOT_AT_ALL,
    runs: int = 1,
) -> dict[str, Any]:
    """Arguments of a DAG: its name, its page of text, and everything that all DAGs have in common.

    Args:
        stage: which step of the data's way; the DAG is called ``<stage>__<site>``, or ``<stage>`` for all sites.
        doc: Markdown shown on the DAG's page.
        site: None for a DAG that serves all sites.
        longest: the longest that one attempt of one task may take. A run may take all attempts and as much again.
        waits: the longest that a run waits for a person, beside its work.
        runs: how many runs may be active at once.
    """
    tell = FailureNotifier(site or "all sites")
    return {
        "dag_id": f"{stage}__{site}" if site else stage,
        "doc_md": doc,
        "tags": ["recsys", stage, *([f"site:{site}"] if site else [])],
        "catchup": False,
        "is_paused_upon_creation": False,
        "max_active_runs": runs,
        "max_active_tasks": runs,
        "dagrun_timeout": 2 * (RETRIES + 1) * longest + waits,
        "on_failure_callback": tell,
        "default_args": {
            "owner": OWNER,
            "retries": RETRIES,
            "retry_delay": FIRST_DELAY,
            "retry_exponential_backoff": BACK_OFF,
            "max_retry_delay": LONGEST_DELAY,
            "retry_policy": HOPELESS,
            "execution_timeout": longest,
            "on_failure_callback": tell,
        },
    }
