"""Someone's yes before a release goes live, where the site asks for it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowSkipException

from recsys.sites import SiteConfig
from recsys_airflow.notifiers import NotLiveNotifier, WaitingNotifier

REASON: Final = "reason"
BODY: Final = """\
%s

[The report](%s), among the artifacts of its training. What is live stays until someone approves; no answer in time is
a no.
"""


class Approval(ApprovalOperator):
    """Asks, and hands the answer on. A no is an outcome that the next task writes down: nothing is skipped for it."""

    def __init__(self, *, of: str, **rest: Any) -> None:
        super().__init__(**rest)
        self.of = of

    def execute(self, context: Any) -> None:
        """Waits, unless the gate has refused the release: then nobody need be asked."""
        decision = context["ti"].xcom_pull(task_ids=self.of)
        if not decision["accepted"]:
            raise AirflowSkipException(f"nobody is asked: the gate refused the release. {decision['reason']}")
        super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """The answer, whatever it is."""
        return HITLOperator.execute_complete(self, context, event)


def approval(site: SiteConfig, *, of: str = "release", task_id: str = "approve") -> Approval:
    """The task that asks for a site that wants to be asked.

    Args:
        site: one that does.
        of: the task whose report says what the gate decided: release_id, accepted, reason, page.
        task_id: what the asking task is called.
    """
    found = "{{ ti.xcom_pull(task_ids='" + of + "')['%s'] }}"
    return Approval(
        of=of,
        task_id=task_id,
        subject=f"May {found % 'release_id'} go live?",
        body=BODY % (found % "reason", found % "page"),
        defaults=ApprovalOperator.REJECT,
        params={REASON: Param("", type=["null", "string"], title="Why", description="Stands in the audit.")},
        response_timeout=timedelta(hours=site.approval.timeout_hours),
        notifiers=[WaitingNotifier(site.site)],
        on_skipped_callback=NotLiveNotifier(site.site, decided=of),
    )


def waits_for(site: SiteConfig) -> timedelta:
    """The longest that a run of the site waits for a person."""
    return timedelta(hours=site.approval.timeout_hours if site.approval.required else 0)


def verdict(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What was answered, as ``activate_release`` takes it: approved, reason, by.

    Args:
        answer: what ``approve`` returned; nobody's answer is the one that time gave.
    """
    user = answer["responded_by_user"]
    approved = answer["chosen_options"] == [ApprovalOperator.APPROVE]
    if user is None:
        return {"approved": False, "by": "nobody", "reason": "Nobody approved it in time."}
    told = (answer["params_input"] or {}).get(REASON) or ""
    word = "Approved" if approved else "Declined"
    reason = f"{word} by {user['name']}" + (f": {told}" if told else ".")
    return {"approved": approved, "by": f"Airflow user {user['name']}", "reason": reason}
