"""The dashboards as they are provisioned, and what their panels ask."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "monitoring" / "grafana" / "dashboards"


def dashboards() -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def questions(site: str) -> Iterator[tuple[str, str]]:
    """Each panel's name and query, as Grafana would send it for a site."""
    for name, dashboard in dashboards().items():
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                query = target["expr"].replace("$site", site).replace("$__rate_interval", "2m")
                yield f"{name}: {panel['title']}", query
