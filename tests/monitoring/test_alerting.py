"""From a rule of Prometheus to people, through Alertmanager and the pager; all of them real."""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import yaml
from pydantic import SecretStr

from recsys.layout import LOOPBACK, Settings
from recsys.local.pager import Pager
from recsys.local.platform import running
from tests.loopback import listening
from tests.monitoring.inbox import Inbox, inbox, until

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "monitoring"
CONFIGURATION = MONITORING / "alertmanager" / "alertmanager.yml"
DAY = 86400
ALERTMANAGER = shutil.which("prometheus-alertmanager") or ""
needs_alertmanager = pytest.mark.skipif(
    not ALERTMANAGER, reason="Alertmanager is not installed (Debian: package prometheus-alertmanager)"
)
needs_both = pytest.mark.skipif(
    not ALERTMANAGER or shutil.which("prometheus") is None,
    reason="Prometheus or Alertmanager is not installed (Debian: packages prometheus, prometheus-alertmanager)",
)
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # of Apprise's own, below Python 3.13


@pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool is not installed (Debian: prometheus-alertmanager)")
def test_alertmanager_reads_its_configuration():
    done = subprocess.run(["amtool", "check-config", CONFIGURATION], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_everybody_is_reached_where_compose_starts_them():
    services = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
    [receiver] = yaml.safe_load(CONFIGURATION.read_text())["receivers"]
    assert [hook["url"] for hook in receiver["webhook_configs"]] == ["http://pager:9195/alerts"]
    assert receiver.keys() == {"name", "webhook_configs"}  # a secret of a channel has no place here
    assert services["pager"]["command"] == ["python", "-m", "recsys.local.pager", "0.0.0.0"]
    assert Settings.model_fields["recsys_pager_port"].default == 9195
    [group] = yaml.safe_load((MONITORING / "prometheus" / "alertmanagers.yml").read_text())
    assert group == {"targets": ["alertmanager:9093"]}
    assert "alertmanager" in services


def test_alerts_that_are_named_in_routes_are_there():
    known = set(re.findall(r"- alert: (\w+)", (MONITORING / "prometheus" / "alerts.yml").read_text()))
    matched = re.findall(r'alertname=~?"([\w|]+)"', CONFIGURATION.read_text())
    assert matched
    assert {name for names in matched for name in names.split("|")} <= known


@needs_both
@pytest.mark.platform
def test_the_embedded_platform_tells_people_once_whoever_was_away_first(settings: Settings):
    with inbox() as people:
        people.broken = True
        addresses = SecretStr(f"{people.address} token-with-a-typo")
        settings = settings.model_copy(update={"recsys_notify_urls": addresses})
        with running(settings, ["prometheus", "alertmanager"], say=print):
            with httpx.Client(base_url=settings.prometheus_url, timeout=60) as prometheus:
                until(lambda: told_by(prometheus) == [f"{settings.alertmanager_url}/api/v2/alerts"], "discovery")
                until(lambda: settings.pager_url + "/metrics" in asked_by(prometheus), "discovery of the pager")
            with httpx.Client(base_url=settings.alertmanager_url, timeout=60) as alertmanager:
                long_ago = datetime.now(UTC) - timedelta(hours=1)  # nothing waits for others of its group
                labels = {"alertname": "Trial", "severity": "page", "instance": "a"}
                alert = {"labels": labels, "startsAt": long_ago.isoformat(), "generatorURL": "http://prometheus/graph"}
                alertmanager.post("/api/v2/alerts", json=[alert]).raise_for_status()
            until(lambda: people.refused, "the channel is tried")
            people.broken = False
            until(lambda: "page: Trial" in dict(people.messages), "a message")
            with httpx.Client(base_url=settings.pager_url, timeout=60) as pager:
                until(lambda: counted(pager, "told") >= 1, "it is counted")
                assert counted(pager, "missed") >= 1
    [text] = [text for title, text in people.messages if title == "page: Trial"]  # the others are of what does not run
    assert "instance: a" in text
    assert f"silence: {settings.alertmanager_url}/#/alerts" in text
    log = (settings.recsys_home / "logs" / "pager.log").read_text()
    assert "no known kind of address at position [2]" in log
    assert "token-with-a-typo" not in log
    assert people.address not in log


def told_by(prometheus: httpx.Client) -> list[str]:
    """Who Prometheus tells of alerts."""
    found = prometheus.get("/api/v1/alertmanagers").raise_for_status().json()["data"]["activeAlertmanagers"]
    return [each["url"] for each in found]


def asked_by(prometheus: httpx.Client) -> list[str]:
    """Which pages of metrics Prometheus asks."""
    found = prometheus.get("/api/v1/targets").raise_for_status().json()["data"]["activeTargets"]
    return [each["scrapeUrl"] for each in found]


def counted(pager: httpx.Client, outcome: str) -> float:
    """Messages to an address that came to this."""
    [count] = re.findall(
        rf'^recsys_messages_total{{outcome="{outcome}"}} (\S+)$', pager.get("/metrics").text, re.MULTILINE
    )
    return float(count)


@needs_both
def test_a_rule_that_fires_is_told_once_and_once_when_it_is_over_and_a_silenced_one_never(settings: Settings, tmp_path):
    """Between them lie the project's own rules and routes, with waits of seconds in place of minutes."""
    behind = {"muted": 9.0, "shop": 0.0, "other": 0.0}  # days that the live release of a site does not know
    with inbox() as people, target(behind) as measured, ExitStack() as stack:
        stack.enter_context(pager(settings, people))
        alertmanager = stack.enter_context(quick_alertmanager(settings, tmp_path))
        silence(alertmanager, site="muted")
        prometheus = stack.enter_context(quick_prometheus(settings, tmp_path, measured))
        until(lambda: states(alertmanager).get(("ReleaseIsOld", "muted")) == "suppressed", "the silenced alert")
        until(lambda: states(alertmanager).get(("DayDrifted", "shop")) == "active", "an alert that DAGs tell of")
        behind["shop"] = 5.0
        until(lambda: people.messages, "the message that it fires")
        behind["shop"] = 0.0
        until(lambda: people.messages[1:], "the message that it is over")
        assert firing(prometheus) == {("ReleaseIsOld", "muted"), ("DayDrifted", "shop")}
    (fires, text), (over, end) = people.messages
    assert (fires, over) == ("warn: ReleaseIsOld of shop", "over: ReleaseIsOld of shop")
    lines = text.splitlines()
    assert lines[0] == "The event log of shop goes 5d 0h 0m 0s beyond what its live release knows."
    assert "site: shop" in lines[1]
    assert re.fullmatch(r"  since \d{4}-\d\d-\d\d \d\d:\d\d UTC", lines[2])
    assert f"look: {settings.prometheus_url}/graph?g0.expr=" in text
    assert f"silence: {settings.alertmanager_url}/#/alerts" in lines
    assert "  over: since" in end


@contextmanager
def target(behind: dict[str, float]) -> Iterator[str]:
    """An exporter's page. Samples have times of their own, so a scrape that comes to nothing ends no series."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            now = round(time.time() * 1000)
            lines = [f'recsys_drift_alarm{{site="shop",check="a volume"}} 1 {now}']
            for site, days in behind.items():
                lines.append(f'recsys_event_log_end_timestamp_seconds{{site="{site}"}} {20 * DAY} {now}')
                live = f'{{site="{site}",surface="recommendations"}}'
                lines.append(f"recsys_release_as_of_timestamp_seconds{live} {(20 - days) * DAY} {now}")
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write("\n".join([*lines, ""]).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with listening(Page) as url:
        yield url.removeprefix("http://")


@contextmanager
def pager(settings: Settings, people: Inbox) -> Iterator[None]:
    """It listens at its port, and tells ``people``."""
    told = settings.model_copy(update={"recsys_notify_urls": SecretStr(people.address)})
    with Pager(told, LOOPBACK) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield
        server.shutdown()
        thread.join()


@contextmanager
def quick_alertmanager(settings: Settings, folder: Path) -> Iterator[httpx.Client]:
    """The project's routes; what waits for minutes waits a second, what waits for a day waits for a day."""
    text = CONFIGURATION.read_text().replace("http://pager:9195", settings.pager_url)
    found: dict[str, Any] = yaml.safe_load(text)
    for route in (found["route"], *found["route"]["routes"]):
        route.update(
            {wait: "1s" for wait in ("group_wait", "group_interval") if not route.get(wait, "h").endswith("h")}
        )
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(found))
    command = [
        ALERTMANAGER,
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={LOOPBACK}:{settings.recsys_alertmanager_port}",
        f"--web.external-url={settings.alertmanager_url}",
        "--cluster.listen-address=",
    ]
    with answering(command, settings.alertmanager_url, folder / "alertmanager.log") as client:
        yield client


@contextmanager
def quick_prometheus(settings: Settings, folder: Path, measured: str) -> Iterator[httpx.Client]:
    """The project's rules, none of which waits; ``measured`` is asked every second."""
    rules = yaml.safe_load((MONITORING / "prometheus" / "alerts.yml").read_text())
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        rule["for"] = "0s"
    told = {"static_configs": [{"targets": [settings.alertmanager_url.removeprefix("http://")]}]}
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["alerts.yml"],
        "alerting": {"alertmanagers": [told]},
        "scrape_configs": [{"job_name": "measured", "static_configs": [{"targets": [measured]}]}],
    }
    (folder / "alerts.yml").write_text(yaml.safe_dump(rules))
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'series'}",
        f"--web.listen-address={LOOPBACK}:{settings.recsys_prometheus_port}",
        f"--web.external-url={settings.prometheus_url}",
    ]
    with answering(command, settings.prometheus_url, folder / "prometheus.log") as client:
        yield client


@contextmanager
def answering(command: list[str], url: str, log: Path) -> Iterator[httpx.Client]:
    """The server runs and is ready."""
    with log.open("wb") as output, httpx.Client(base_url=url, timeout=60) as client:
        process = subprocess.Popen(command, stdout=output, stderr=output)

        def ready() -> bool:
            assert process.poll() is None, log.read_text()
            with suppress(httpx.TransportError):
                return client.get("/-/ready").status_code == 200
            return False

        try:
            until(ready, url)
            yield client
        finally:
            process.terminate()
            process.wait(60)


def silence(alertmanager: httpx.Client, *, site: str) -> None:
    """Nobody is told of the site for an hour."""
    matcher = {"name": "site", "value": site, "isRegex": False, "isEqual": True}
    now = datetime.now(UTC)
    until_then = (now + timedelta(hours=1)).isoformat()
    asked = {"matchers": [matcher], "startsAt": now.isoformat(), "endsAt": until_then, "createdBy": "a", "comment": "b"}
    alertmanager.post("/api/v2/silences", json=asked).raise_for_status()


def states(alertmanager: httpx.Client) -> dict[tuple[str, str], str]:
    """Of each alert, by name and site, whether Alertmanager tells of it."""
    found = alertmanager.get("/api/v2/alerts").raise_for_status().json()
    return {(each["labels"]["alertname"], each["labels"].get("site")): each["status"]["state"] for each in found}


def firing(prometheus: httpx.Client) -> set[tuple[str, str]]:
    """Alerts that fire, by name and site."""
    found = prometheus.get("/api/v1/alerts").raise_for_status().json()["data"]["alerts"]
    return {(each["labels"]["alertname"], each["labels"].get("site")) for each in found}
