"""Every fault that the web service is tested with, at length, and what came of it.

Run as ``python -m benchmarks.faults``: the tests ``tests/web_service/test_faults_*.py`` with longer times and larger
crowds (Postgres away for 60 seconds, 10,000 connections), on real servers. Each test says its outcome. This module is
the plugin of pytest that makes them long and collects what they say.
"""

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent / "tests" / "web_service"

_rows: list[tuple[str, str]] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """One row for each test, also for one that failed or was skipped."""
    if report.when != "call" and report.passed:
        return
    fault = report.nodeid.rpartition("::test_")[2].replace("_", " ")
    said = str(dict(report.user_properties).get("outcome", ""))
    why = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
    _rows.append((fault, said if report.passed else f"{report.outcome.upper()} {said}{why}"))


def pytest_terminal_summary() -> None:
    """The table."""
    print("\n| fault | outcome |\n| --- | --- |")
    for fault, outcome in _rows:
        print(f"| {fault} | {outcome} |")


if __name__ == "__main__":
    files = sorted(str(path) for path in TESTS.glob("test_faults_*.py"))
    sys.exit(pytest.main(["-q", "--timeout=900", "-p", "benchmarks.faults", *files, *sys.argv[1:]]))
