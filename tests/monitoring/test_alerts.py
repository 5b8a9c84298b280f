"""Every alert fires when it should and stays silent otherwise, judged by Prometheus' own tool, and says what to do."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.monitoring.anchors import anchors
from tests.monitoring.dashboards import dashboards

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "monitoring" / "prometheus"
CASES = sorted((FOLDER / "alerts_test").glob("*_test.yml"))


def alerts() -> dict[str, dict[str, Any]]:
    """Each rule by its name."""
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def test_every_alert_has_a_case_in_which_it_fires():
    text = "".join(file.read_text() for file in CASES)
    fired = re.findall(r"alertname: (\w+)\s+exp_alerts:\s+- exp_labels", text)
    assert fired
    assert set(alerts()) == set(fired)


def test_every_alert_has_a_case_in_which_it_does_not_fire():
    text = "".join(file.read_text() for file in CASES)
    assert set(alerts()) == set(re.findall(r"alertname: (\w+), exp_alerts: \[\]", text))


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: package prometheus)")
def test_promtool_agrees():
    for command in (["check", "config", "prometheus.yml"], ["test", "rules", *map(str, CASES)]):
        done = subprocess.run(["promtool", *command], cwd=FOLDER, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", alerts())
def test_it_says_what_it_means_what_users_see_and_what_to_do_first(name):
    rule = alerts()[name]
    assert rule["labels"]["severity"] in {"page", "warn"}
    notes = rule["annotations"]
    assert notes.keys() == {"summary", "users", "first", "runbook", "dashboard"}
    assert notes["summary"].endswith(".")
    assert notes["users"].endswith(".")
    assert len(notes["first"]) > 20
    assert notes["dashboard"] in {dashboard["uid"] for dashboard in dashboards().values()}
    page, _, anchor = notes["runbook"].partition("#")
    assert anchor in anchors(ROOT / page)


def test_a_panel_that_an_alert_names_is_there():
    titles = {
        dashboard["title"]: [panel["title"] for panel in dashboard["panels"]] for dashboard in dashboards().values()
    }
    named = [
        (title, rest)
        for rule in alerts().values()
        for title, rest in re.findall(rf"(?:^|; then )({'|'.join(titles)}), (.*)", rule["annotations"]["first"])
    ]
    assert named
    assert [(title, rest) for title, rest in named if not rest.startswith(tuple(titles[title]))] == []
