"""Dashboards are whole. That each panel has something to show is tested on a running platform."""

import shutil
import subprocess

import pytest
import yaml

from tests.monitoring.dashboards import FOLDER, dashboards, questions

PROVISIONING = FOLDER.parent / "provisioning"


def test_every_dashboard_is_of_its_own_and_every_panel_says_what_it_shows():
    found = dashboards()
    assert len({dashboard["uid"] for dashboard in found.values()}) == len(found) >= 4
    for dashboard in found.values():
        assert dashboard["title"]
        assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
        for panel in dashboard["panels"]:
            assert panel["title"]
            assert panel["description"].endswith(".")
            assert panel["targets"]


def test_panels_use_the_data_source_that_is_provisioned():
    source = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yml").read_text())["datasources"][0]
    for dashboard in dashboards().values():
        for panel in dashboard["panels"]:
            assert {target["datasource"]["uid"] for target in panel["targets"]} == {source["uid"]}


def test_panels_lie_beside_each_other_and_not_on_each_other():
    for dashboard in dashboards().values():
        taken: set[tuple[int, int]] = set()
        for place in (panel["gridPos"] for panel in dashboard["panels"]):
            cells = {(place["x"] + dx, place["y"] + dy) for dx in range(place["w"]) for dy in range(place["h"])}
            assert not cells & taken
            assert place["x"] + place["w"] <= 24
            taken |= cells


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: package prometheus)")
def test_prometheus_can_read_every_question(tmp_path):
    rules = [{"record": "question", "expr": query} for _, query in questions("demo_shop")]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    command = ["promtool", "check", "rules", "--lint=none", "rules.yml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
