"""What Alertmanager says of one group of alerts, as a message to people: what, where, since when, what to do first.

Source: Alertmanager's webhook, version 4 (prometheus.io/docs/alerting/latest/configuration/#webhook_config).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, Field

from recsys.messages import Kind, Message

PAGE: Final = "page"
"""The severity for which somebody is called at any hour."""
SITE: Final = "site"
MOST_ALERTS: Final = 10
"""Alerts of a group that one message tells of."""
NOT_NAMED: Final = {"alertname", "severity"}
"""Labels that the title says."""


class Alert(BaseModel):
    """One alert: what Prometheus' rule said, and since when."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: AwareDatetime = Field(alias="startsAt")
    ends_at: AwareDatetime = Field(alias="endsAt")
    "When it was over; of one that fires, some other time."
    generator_url: str = Field(default="", alias="generatorURL")
    "Prometheus' page with the question that the alert asks."

    def told(self) -> str:
        """Its sentence, and below it where and since when."""
        where = [f"{label}: {value}" for label, value in self.labels.items() if label not in NOT_NAMED]
        since = f"since {_moment(self.starts_at)}"
        when = since if self.status == "firing" else f"over: {since}, until {_moment(self.ends_at)}"
        return "\n  ".join(
            [self.annotations.get("summary", "no summary"), *([", ".join(where)] if where else []), when]
        )


class Alerts(BaseModel):
    """Alerts that Alertmanager tells of together; they have one name and one severity."""

    alerts: list[Alert] = Field(min_length=1)
    truncated: int = Field(default=0, alias="truncatedAlerts")
    external_url: str = Field(default="", alias="externalURL")
    "Alertmanager's own page, where an alert can be silenced."


def message_of(told: Alerts, *, grafana: str = "") -> Message:
    """One message for all of them, those that fire first.

    Args:
        told: what Alertmanager sent.
        grafana: where its dashboards are; empty: the message leads to Prometheus instead.
    """
    alerts = sorted(told.alerts, key=lambda alert: alert.status)  # firing, resolved
    firing = sum(alert.status == "firing" for alert in alerts)
    first = alerts[0]
    more = len(alerts) + told.truncated - MOST_ALERTS
    parts = [alert.told() for alert in alerts[:MOST_ALERTS]]
    if more > 0:
        parts.append(f"and {more} more")
    if firing:
        parts.append("\n".join(_what_to_do(first, grafana, told.external_url)))
    return Message(_title(alerts, firing), "\n\n".join(parts), _kind(first))


def _title(alerts: Sequence[Alert], firing: int) -> str:
    first = alerts[0]
    word = first.labels.get("severity", "alert") if firing else "over"
    sites = {alert.labels.get(SITE) for alert in alerts}
    of = f" of {first.labels[SITE]}" if len(sites) == 1 and None not in sites else ""
    count = f" ({firing})" if firing > 1 else ""
    return f"{word}: {first.labels.get('alertname', 'alert')}{of}{count}"


def _kind(first: Alert) -> Kind:
    if first.status == "resolved":
        return "success"
    return "failure" if first.labels.get("severity") == PAGE else "warning"


def _what_to_do(alert: Alert, grafana: str, alertmanager: str) -> list[str]:
    """What users see, what to do first, and where to read and look; lines of which nothing is known are left out."""
    notes = alert.annotations
    dashboard = notes.get("dashboard", "")
    look = f"{grafana.rstrip('/')}/d/{dashboard}" if grafana and dashboard else alert.generator_url
    if SITE in alert.labels and grafana and dashboard:
        look += f"?var-site={alert.labels[SITE]}"
    lines = {
        "users": notes.get("users", ""),
        "first": notes.get("first", ""),
        "runbook": notes.get("runbook", ""),
        "look": look,
        "silence": f"{alertmanager}/#/alerts" if alertmanager else "",
    }
    return [f"{name}: {text}" for name, text in lines.items() if text]


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
