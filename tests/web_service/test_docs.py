"""docs/api.md says what is really there."""

import re
from pathlib import Path

import pytest

from web_service.problems import TITLES
from web_service.telemetry import Telemetry


@pytest.fixture(scope="module")
def text():
    return (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")


def test_every_route_is_in_the_table_and_no_other(client, text):
    told = set(re.findall(r"^\| `([A-Z]+ /\S*)` \|", text, flags=re.MULTILINE))
    paths = client.get("/openapi.json").json()["paths"]
    assert told == {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}


def test_every_problem_and_every_metric_is_explained(text):
    named = set(re.findall(r"^\| `([\w-]+)` \|", text, flags=re.MULTILINE))
    counters = {"counter": "_total"}
    metrics = {family.name + counters.get(family.type, "") for family in Telemetry().registry.collect()}
    assert named == set(TITLES) | metrics
