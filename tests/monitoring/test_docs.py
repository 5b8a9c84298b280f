"""docs/monitoring.md names what is there, and nothing else."""

import re
from pathlib import Path

import pytest

from recsys.local import measuring

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
    alerts = set(re.findall(r"- alert: (\w+)", (ROOT / "monitoring" / "prometheus" / "alerts.yml").read_text()))
    assert set(re.findall(r"^\| `([A-Z]\w+)` \|", text, flags=re.MULTILINE)) == alerts


def test_links_into_the_runbook_lead_somewhere(text):
    headings = re.findall(r"^## (.+)$", (ROOT / "docs" / "runbook.md").read_text(), flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"runbook\.md#([\w-]+)", text)) <= anchors
