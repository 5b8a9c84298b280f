"""How a command shows what was done: one JSON object, or text for a person."""

import json
import sys
from typing import Any

import yaml


def show(report: Any, as_json: bool) -> None:
    """The report as one JSON object; or, for a person, as YAML without the list of single days."""
    if as_json:
        print_json(report.model_dump(mode="json"))
        return
    found = report.model_dump(mode="json", exclude={"committed", "late"})
    sys.stdout.write(yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=120))


def print_json(found: Any) -> None:
    """One JSON object on one line."""
    sys.stdout.write(json.dumps(found, default=str) + "\n")
