"""docs/monitoring.md names what is there, and nothing else."""

import re
from pathlib import Path

import pytest

from recsys.local import measuring
from tests.monitoring.anchors import anchors

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def text() -> str:
    return (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")


def test_every_gauge_of_the_exporter_is_explained(text):
    source = Path(measuring.__file__).read_text() + Path(measuring.__file__).with_name("exporter.py").read_text()
    assert set(re.findall(r"^\| `(recsys_\w+)` \|", text, flags=re.MULTILINE)) == set(
        re.findall(r'"(recsys_\w+)"', source)
    )


def test_every_alert_says_what_to_do(text):
    rules = (ROOT / "monitoring" / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
    alerts = dict(re.findall(r"- alert: (\w+).*?severity: (\w+)", rules, flags=re.DOTALL))
    assert dict(re.findall(r"^\| `([A-Z]\w+)` \| (\w+) \|", text, flags=re.MULTILINE)) == alerts


def test_links_into_other_pages_lead_somewhere(text):
    links = re.findall(r"\]\((\w+\.md)#([\w-]+)\)", text)
    assert links
    assert [(page, anchor) for page, anchor in links if anchor not in anchors(ROOT / "docs" / page)] == []


def test_links_within_the_runbook_lead_somewhere():
    page = ROOT / "docs" / "runbook.md"
    assert set(re.findall(r"\]\(#([\w-]+)\)", page.read_text(encoding="utf-8"))) <= anchors(page)
