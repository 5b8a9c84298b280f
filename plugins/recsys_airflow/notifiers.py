"""Tells people of failures, releases that wait and releases that do not go live.

Telegram, Slack, e-mail and whatever else Apprise has an address for.
"""

import re
from typing import Any, Final

from airflow.sdk import BaseNotifier
from airflow.sdk.definitions.context import Context
from airflow.sdk.log import mask_secret

from recsys.layout import Settings
from recsys.messages import Kind, Message, send
from recsys.types import SiteId

ITS_TASK_TELLS: Final = "task_failure"
"""Airflow's reason for a run that failed because a task did; the task has told already."""
PARTITION_LINE: Final = re.compile(r"  (?! )")
MOST_LINES: Final = 10
"""Refused partitions that one message names."""
SILENT_END: Final = "its process ended without a word: it was killed, or the machine went down"


class Notifier(BaseNotifier):
    """One message to every address of ``RECSYS_NOTIFY_URLS``; says nothing where there is none.

    An address that cannot be reached costs a warning in the task's log; it never changes the outcome of the task.
    """

    kind: Kind = "info"

    def __init__(self, site: SiteId) -> None:
        super().__init__()
        self.site = site

    def notify(self, context: Context) -> None:
        addresses = Settings().recsys_notify_urls.get_secret_value().split()
        if not addresses or not self._concerns(context):
            return
        for address in addresses:
            mask_secret(address)  # Apprise writes an address that it does not understand into the log
        delivery = send(Message(self._title(context), self._body(context), self.kind), addresses)
        if delivery.unknown:
            self.log.warning("RECSYS_NOTIFY_URLS: no known kind of address at position %s", list(delivery.unknown))
        if delivery.missed:
            known = delivery.told + delivery.missed
            self.log.warning("at least one of %d addresses could not be told", known)

    def _concerns(self, context: Any) -> bool:
        return True

    def _title(self, context: Any) -> str:
        raise NotImplementedError

    def _body(self, context: Any) -> str:
        raise NotImplementedError


class FailureNotifier(Notifier):
    """One message for each task that failed for good, and for each run that took too long or got stuck."""

    kind: Kind = "failure"

    def _concerns(self, context: Any) -> bool:
        return bool(context.get("reason") != ITS_TASK_TELLS)

    def _title(self, context: Any) -> str:
        return f"{context['dag'].dag_id} failed"

    def _body(self, context: Any) -> str:
        task = context.get("ti")
        lines = [f"site: {self.site}", f"run: {context['run_id']}"]
        if "reason" in context:
            lines.append(f"why: the run was stopped: {context['reason'].replace('_', ' ')}")
        else:
            lines += [f"task: {task.task_id}", f"why: {_sentence(context.get('exception'))}"]
        return "\n".join([*lines, *([f"log: {task.log_url}"] if task is not None else [])])


class WaitingNotifier(Notifier):
    """One message when a release waits for someone to approve it, with the address where that is done."""

    def _title(self, context: Any) -> str:
        return f"{self.site}: a release waits for approval"

    def _body(self, context: Any) -> str:
        task = context["task"]
        where = task.generate_link_to_ui_from_context(context=context)
        until = f"no answer within {task.response_timeout} is a no"
        return "\n".join([task.subject, task.body, f"answer: {where}", until])


class NotLiveNotifier(Notifier):
    """One message when a release does not go live: refused by the gate, or not approved; with the sentence why."""

    kind: Kind = "warning"

    def __init__(self, site: SiteId, *, decided: str = "release", activated: str = "activate") -> None:
        """``decided`` and ``activated`` are the tasks of the gate, and of what a person answered."""
        super().__init__(site)
        self.decided, self.activated = decided, activated

    def _concerns(self, context: Any) -> bool:
        return not self._outcome(context).get("live", False)

    def _title(self, context: Any) -> str:
        return f"{self.site}: a release does not go live"

    def _body(self, context: Any) -> str:
        outcome, page = self._outcome(context), context["ti"].xcom_pull(task_ids=self.decided)["page"]
        lines = [f"release: {outcome['release_id']}", f"why: {outcome['reason']}", "the live release stays"]
        return "\n".join([*lines, *([f"report: {page}"] if page else [])])

    def _outcome(self, context: Any) -> dict[str, Any]:
        """The last that was said of the release."""
        found = (context["ti"].xcom_pull(task_ids=task) for task in (self.activated, self.decided))
        outcome: dict[str, Any] = next(each for each in found if each is not None)
        return outcome


class DriftNotifier(Notifier):
    """One message when a day is unlike what was learned from, or predictions do not hold; it names what drifted."""

    kind: Kind = "warning"

    def _concerns(self, context: Any) -> bool:
        return bool(self._alarms(context))

    def _title(self, context: Any) -> str:
        return f"{self.site}: {len(self._alarms(context))} checks for drift did not pass"

    def _body(self, context: Any) -> str:
        report = self._report(context)
        return f"day: {report['day']}\n{report['reason']}"

    def _alarms(self, context: Any) -> list[str]:
        report = self._report(context)
        return [*report["alarms"], *report["predictor_alarms"]]

    def _report(self, context: Any) -> dict[str, Any]:
        found: dict[str, Any] = context["ti"].xcom_pull(task_ids="watch")
        return found


def _sentence(error: object) -> str:
    """What the error says, after its kind. Indented lines of a refusal are the partitions and their failing checks.

    Lines indented further are sample rows, which stay in the log: they may name people.
    """
    if error is None:
        return SILENT_END
    first, *rest = str(error).splitlines() or [""]
    told = [first, *(line.removesuffix("; such as") for line in rest if PARTITION_LINE.match(line))]
    shown = "\n".join(told[: MOST_LINES + 1])
    more = f"\n  and {len(told) - MOST_LINES - 1} more" if len(told) > MOST_LINES + 1 else ""
    return f"{type(error).__name__}: {shown}{more}" if isinstance(error, BaseException) else shown + more
