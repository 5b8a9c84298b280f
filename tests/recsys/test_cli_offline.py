"""``recsys offline`` as its user types it."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from recsys import columns as c
from recsys.cli import app
from recsys.errors import SourceError


@pytest.fixture
def sessions(tmp_path: Path) -> Path:
    path = tmp_path / "sessions.txt"
    path.write_text("a b c\nb c d\na b\n")
    return path


def test_next_items_of_cases_are_written_and_the_cost_is_told(tmp_path: Path, sessions: Path):
    cases, out = tmp_path / "cases.tsv", tmp_path / "out.parquet"
    cases.write_text("a\tb\nb c\td\n")
    words = ["offline", "next-item", "--sessions", sessions, "--cases", cases, "--k", 2, "--out", out, "--json"]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["answered"], report["rows"], report["out"]) == (2, 4, str(out))
    assert [step["step"] for step in report["steps"]] == ["read", "train", "answer", "write"]
    assert all(step["seconds"] >= 0 and step["peak_bytes"] > 1e6 for step in report["steps"])
    assert "train: 3 rows" in " ".join(result.stderr.split())
    first = pl.read_parquet(out).filter(pl.col(c.RANK) == 1)
    assert dict(first.select("case", c.ITEM_ID).iter_rows()) == {0: "b", 1: "d"}


def test_recommendations_for_an_order_of_events_are_written(tmp_path: Path):
    events, users, out = tmp_path / "e.parquet", tmp_path / "u.txt", tmp_path / "out.parquet"
    pl.DataFrame({c.USER_ID: ["u", "u", "v", "v", "v"], c.ITEM_ID: ["a", "b", "a", "b", "z"]}).write_parquet(events)
    users.write_text("u\nnobody\n")
    words = ["offline", "recommend", "--events", events, "--users", users, "--out", out]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    assert pl.read_parquet(out).filter(pl.col(c.USER_ID) == "u")[c.ITEM_ID].to_list() == ["z"]
    assert pl.read_parquet(out).filter(pl.col(c.USER_ID) == "nobody").height == 3


def test_a_fault_is_one_clear_text(tmp_path: Path, sessions: Path):
    words = ["offline", "next-item", "--sessions", sessions, "--cases", tmp_path / "none", "--out", tmp_path / "o"]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert isinstance(result.exception, SourceError)
    said = subprocess.run([sys.executable, "-m", "recsys.cli", *map(str, words)], capture_output=True, text=True)
    assert said.returncode == 1
    assert said.stderr.splitlines()[-1].startswith("recsys: found no file")
