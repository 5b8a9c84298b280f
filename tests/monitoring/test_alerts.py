"""Every alert fires when it should and stays silent otherwise, judged by Prometheus' own tool."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "monitoring" / "prometheus"


def test_every_alert_has_a_case_in_which_it_fires():
    alerts = set(re.findall(r"- alert: (\w+)", (FOLDER / "alerts.yml").read_text()))
    fired = re.findall(r"alertname: (\w+)\s+exp_alerts:\s+- exp_labels", (FOLDER / "alerts_test.yml").read_text())
    assert alerts
    assert alerts == set(fired)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: package prometheus)")
def test_promtool_agrees():
    for command in (["check", "config", "prometheus.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run(["promtool", *command], cwd=FOLDER, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
