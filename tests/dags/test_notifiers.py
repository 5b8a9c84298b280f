import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

import pytest
from airflow.sdk import DAG
from airflow.sdk._shared.secrets_masker import redact

from recsys.errors import PartitionRefused
from recsys_airflow.approval import approval
from recsys_airflow.notifiers import SILENT_END, DriftNotifier, FailureNotifier, NotLiveNotifier, WaitingNotifier
from tests.dags.conftest import make_site
from tests.loopback import listening

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # of Apprise's own, below Python 3.13


@dataclass
class Inbox:
    """Every message that was posted."""

    address: str = ""
    messages: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def inbox(monkeypatch) -> Iterator[Inbox]:
    kept = Inbox()

    class Letterbox(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    with listening(Letterbox) as url:
        kept.address = f"{url.replace('http://', 'json://')}/"
        monkeypatch.setenv("RECSYS_NOTIFY_URLS", kept.address)
        yield kept


class Attempt:
    """What Airflow gives of a task."""

    task_id = "ingest"
    log_url = "http://127.0.0.1:8080/dags/d/runs/r/tasks/ingest"


class AfterTheGate(Attempt):
    """The same, with what the tasks before returned."""

    map_index, dag_id, run_id = -1, "release_recommendations__alpha", "manual__1"

    def __init__(self, **returned):
        self.returned = returned

    def xcom_pull(self, *, task_ids):
        return self.returned.get(task_ids)


RELEASE = {"release_id": "r1", "accepted": True, "reason": "Accepted: better.", "page": "http://mlflow/#/r1"}


def test_people_are_told_that_a_release_waits_and_where_to_answer(inbox, monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://127.0.0.1:8080")
    task = approval(make_site("alpha"))
    task.subject, task.body = "May r1 go live?", "Accepted: better."
    WaitingNotifier("alpha")({"task": task, "ti": AfterTheGate(), "task_instance": AfterTheGate(task_id="approve")})
    [message] = inbox.messages
    assert (message["title"], message["type"]) == ("alpha: a release waits for approval", "info")
    lines = message["message"].splitlines()
    assert lines[:2] == ["May r1 go live?", "Accepted: better."]
    assert "answer: http://127.0.0.1:8080/dags/release_recommendations__alpha/runs/manual__1/tasks/" in lines[2]
    assert lines[3] == "no answer within 1 day, 0:00:00 is a no"


@pytest.mark.parametrize(
    ("returned", "why"),
    [
        ({"release": RELEASE | {"accepted": False, "reason": "Refused: stale."}}, "Refused: stale."),
        (
            {"release": RELEASE, "activate": {"release_id": "r1", "reason": "Nobody approved it."}},
            "Nobody approved it.",
        ),
    ],
)
def test_people_are_told_why_a_release_does_not_go_live(inbox, returned, why):
    NotLiveNotifier("alpha")({"ti": AfterTheGate(**returned)})
    [message] = inbox.messages
    assert (message["title"], message["type"]) == ("alpha: a release does not go live", "warning")
    told = ["release: r1", f"why: {why}", "the live release stays", "report: http://mlflow/#/r1"]
    assert message["message"].splitlines() == told


def test_of_a_predictor_people_are_told_when_the_answer_was_no(inbox):
    notifier = NotLiveNotifier("alpha", decided="intent", activated="activate_intent")
    yes, no = ({"release_id": "r1", "live": live, "reason": "Anna said so."} for live in (True, False))
    for answer in (yes, no):
        notifier({"ti": AfterTheGate(intent=RELEASE, activate_intent=answer)})
    [message] = inbox.messages
    assert message["message"].splitlines()[:2] == ["release: r1", "why: Anna said so."]


@pytest.fixture
def context():
    dag = DAG("ingest_events__alpha", schedule=None)
    error = PartitionRefused("2026-08-01: 40 of 100 rows are bad, expected at most 20\nsamples follow")
    return {"dag": dag, "run_id": "manual__1", "ti": Attempt(), "exception": error}


def test_a_failed_task_is_told_with_site_run_sentence_and_link(inbox, context):
    FailureNotifier("alpha")(context)
    [message] = inbox.messages
    assert message["title"] == "ingest_events__alpha failed"
    assert message["type"] == "failure"
    assert message["message"].splitlines() == [
        "site: alpha",
        "run: manual__1",
        "task: ingest",
        "why: PartitionRefused: 2026-08-01: 40 of 100 rows are bad, expected at most 20",
        f"log: {Attempt.log_url}",
    ]


def test_a_refusal_names_site_days_and_failing_checks_but_no_rows(inbox, context):
    bad = "found 7 of 10 rows bad (70.0%), expected at most 20.0%: bad_user_id 7"
    days = [f"  2026-08-{day:02}: {bad}; such as\n    day.csv line 2 [bad_user_id] anna" for day in range(1, 13)]
    error = PartitionRefused(
        "site alpha: 12 partitions refused, 0 committed.\n" + "\n".join(days) + "\nCorrect the rows"
    )
    FailureNotifier("alpha")(context | {"exception": error})
    lines = inbox.messages[0]["message"].splitlines()
    assert lines[0] == "site: alpha"
    assert lines[3] == "why: PartitionRefused: site alpha: 12 partitions refused, 0 committed."
    assert lines[4:14] == [f"  2026-08-{day:02}: {bad}" for day in range(1, 11)]
    assert lines[14] == "  and 2 more"
    assert "anna" not in inbox.messages[0]["message"]


def test_a_task_that_was_killed_left_no_error(inbox, context):
    del context["exception"]
    FailureNotifier("alpha")(context)
    assert f"why: {SILENT_END}" in inbox.messages[0]["message"].splitlines()


def test_a_run_that_took_too_long_is_told(inbox, context):
    FailureNotifier("alpha")({"dag": context["dag"], "run_id": "manual__1", "reason": "timed_out"})
    assert "why: the run was stopped: timed out" in inbox.messages[0]["message"].splitlines()


def test_a_run_whose_task_failed_is_not_told_twice(inbox, context):
    FailureNotifier("alpha")(context | {"reason": "task_failure"})
    assert inbox.messages == []


def test_nobody_is_told_by_default(inbox, context, monkeypatch):
    monkeypatch.delenv("RECSYS_NOTIFY_URLS")
    monkeypatch.chdir("/")
    FailureNotifier("alpha")(context)
    assert inbox.messages == []


def test_every_address_that_works_is_told_and_the_others_cost_a_warning(inbox, context, monkeypatch, capsys):
    dead, good = "json://127.0.0.1:9/", inbox.address
    monkeypatch.setenv("RECSYS_NOTIFY_URLS", f"token-with-a-typo {dead} {good}")
    FailureNotifier("alpha")(context)
    assert len(inbox.messages) == 1
    written = capsys.readouterr().out
    assert "no known kind of address at position [1]" in written
    assert "at least one of 2 addresses could not be told" in written
    assert redact("Unsupported URL: token-with-a-typo") == "Unsupported URL: ***"


def test_people_are_told_what_drifted_and_of_a_normal_day_nothing(inbox):
    told = {"day": "2026-03-01", "reason": "Drift: a day's volume: 3, expected more."}
    quiet = {**told, "alarms": [], "predictor_alarms": []}
    DriftNotifier("alpha")({"ti": AfterTheGate(watch={**quiet, "alarms": ["a day's volume"]})})
    DriftNotifier("alpha")({"ti": AfterTheGate(watch=quiet)})
    DriftNotifier("alpha")({"ti": AfterTheGate(watch={**quiet, "predictor_alarms": ["ctr: the AUC"]})})
    message, other = inbox.messages
    assert message["title"] == other["title"] == "alpha: 1 checks for drift did not pass"
    assert message["message"] == "day: 2026-03-01\nDrift: a day's volume: 3, expected more."
