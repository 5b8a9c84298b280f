import pytest
from pydantic import ValidationError

from recsys.local.alerted import MOST_ALERTS, Alerts, message_of

NOTES = {
    "summary": "The event log of shop goes 4d beyond what its live release knows.",
    "users": "Recommendations grow stale.",
    "first": "Look why trainings fail.",
    "runbook": "docs/runbook.md#a-release-failed",
    "dashboard": "recsys-pipelines",
}


def alert(*, status="firing", site="shop", severity="warn", **labels):
    named = {"alertname": "ReleaseIsOld", "severity": severity, **({"site": site} if site else {}), **labels}
    return {
        "status": status,
        "labels": named,
        "annotations": NOTES,
        "startsAt": "2026-03-01T05:10:00+02:00",
        "endsAt": "2026-03-01T03:25:30Z" if status == "resolved" else "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph?g0.expr=x",
    }


def told(*alerts, **more):
    return Alerts.model_validate({"version": "4", "alerts": alerts, "externalURL": "http://alertmanager", **more})


def test_a_person_reads_what_where_since_when_and_what_to_do():
    message = message_of(told(alert(job="exporter")), grafana="http://grafana/")
    assert (message.title, message.kind) == ("warn: ReleaseIsOld of shop", "warning")
    assert message.body.splitlines() == [
        NOTES["summary"],
        "  site: shop, job: exporter",
        "  since 2026-03-01 03:10 UTC",
        "",
        "users: Recommendations grow stale.",
        "first: Look why trainings fail.",
        "runbook: docs/runbook.md#a-release-failed",
        "look: http://grafana/d/recsys-pipelines?var-site=shop",
        "silence: http://alertmanager/#/alerts",
    ]


def test_without_grafana_it_leads_to_the_question_in_prometheus():
    assert "look: http://prometheus/graph?g0.expr=x" in message_of(told(alert())).body.splitlines()


def test_a_page_is_a_failure_and_one_of_no_site_names_none():
    message = message_of(told(alert(severity="page", site=None)), grafana="http://grafana")
    assert (message.title, message.kind) == ("page: ReleaseIsOld", "failure")
    assert "look: http://grafana/d/recsys-pipelines" in message.body.splitlines()


def test_what_is_over_says_how_long_it_was_and_asks_for_nothing():
    message = message_of(told(alert(status="resolved")))
    assert (message.title, message.kind) == ("over: ReleaseIsOld of shop", "success")
    assert message.body.splitlines()[1:] == [
        "  site: shop",
        "  over: since 2026-03-01 03:10 UTC, until 2026-03-01 03:25 UTC",
    ]


def test_what_fires_comes_before_what_is_over_and_is_counted():
    message = message_of(told(alert(status="resolved", job="c"), alert(job="a"), alert(job="b")))
    assert message.title == "warn: ReleaseIsOld of shop (2)"
    assert [message.body.index(f"job: {job}") for job in "abc"] == sorted(
        message.body.index(f"job: {job}") for job in "abc"
    )


def test_of_many_alerts_the_first_are_told_and_the_others_counted():
    message = message_of(told(*(alert(job=str(job)) for job in range(MOST_ALERTS + 2)), truncatedAlerts=3))
    assert message.body.count("since ") == MOST_ALERTS
    assert "and 5 more" in message.body.splitlines()


@pytest.mark.parametrize("broken", [[], [{"status": "firing"}]])
def test_what_is_no_group_of_alerts_is_refused(broken):
    with pytest.raises(ValidationError):
        Alerts.model_validate({"alerts": broken})
