"""The stages under DVC, in a git repository of their own: what is run, what is not, and what another machine gets."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from recsys.layout import Settings

ROOT = Path(__file__).parents[1]
PARAMS = """
first: "2026-03-01"
days: 24
site:
  site: small_shop
  source: {kind: simulator, params: {seed: 11, users: 80, items: 60}}
  interactions:
    - {name: view, weight: 1.0, gain: 1}
    - {name: cart, weight: 3.0, gain: 2}
    - {name: purchase, weight: 5.0, gain: 3}
  schedule: {partition: day}
  quality: {max_bad_share: 0.2}
  windows: {history_days: 60, label_days: 7, label_windows: 1, evaluation_days: 7}
  candidates: [{kind: popularity}, {kind: item_item}]
  candidates_per_source: 30
  ranker: {seed: 7, users: 500, negatives_per_user: 30, iterations: 5}
  reranking: {}
  serving: {slate_size: 20}
"""
STEPS = ["log", "candidates", "ranker", "judgement", "slates", "manifest"]


class Checkout:
    """A git repository with the pipeline and the library, as somebody has it after a clone."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        quiet = {"DVC_SITE_CACHE_DIR": str(folder / ".site"), "HOME": str(folder), "DVC_NO_ANALYTICS": "1"}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {"PATH": path, "RECSYS_HOME": str(folder / "home"), **quiet, **environment}

    def run(self, *words: str) -> str:
        command = [sys.executable, "-m", *words]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def repro(self) -> list[str]:
        """Steps that were run."""
        said = self.run("dvc", "repro").splitlines()
        return [line.split("'")[1] for line in said if line.startswith("Running stage")]

    def edit(self, *keys: str, to: object) -> None:
        file = self.folder / "params.yaml"
        params = yaml.safe_load(file.read_text())
        inner = params
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = to
        file.write_text(yaml.safe_dump(params))

    def json(self, name: str) -> dict:
        return json.loads((self.folder / "workspace" / name).read_text())


@pytest.fixture(scope="module")
def checkout(s3: Settings, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    folder = tmp_path_factory.mktemp("checkout")
    (folder / ".gitignore").write_text("/workspace/\n__pycache__/\n")
    (folder / "params.yaml").write_text(PARAMS)
    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, folder / name)
    (folder / ".dvc").mkdir()
    shutil.copy(ROOT / ".dvc" / "config", folder / ".dvc" / "config")
    shutil.copytree(ROOT / "recsys", folder / "recsys", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    keys = {
        "AWS_ACCESS_KEY_ID": s3.aws_access_key_id,
        "AWS_SECRET_ACCESS_KEY": s3.aws_secret_access_key.get_secret_value(),
        "AWS_DEFAULT_REGION": s3.aws_default_region,
    }
    made = Checkout(folder, keys)
    made.run("dvc", "remote", "modify", "--local", "storage", "endpointurl", s3.s3_endpoint_url)
    return made


@pytest.mark.platform
def test_only_what_a_change_concerns_is_run_and_another_machine_gets_it(checkout: Checkout, tmp_path: Path):
    """One test, for each step takes seconds: repro, repro again, one parameter changed, push, pull elsewhere."""
    assert checkout.repro() == STEPS
    first = checkout.json("manifest/manifest.json")
    assert checkout.json("judgement/metrics.json")["ranked"]["ndcg@10"] > 0
    assert checkout.repro() == []

    checkout.edit("site", "ranker", "iterations", to=6)
    assert checkout.repro() == ["ranker", "judgement", "slates", "manifest"]
    second = checkout.json("manifest/manifest.json")
    assert second["release_id"] != first["release_id"]
    changed = {name for name in first["files"] if first["files"][name] != second["files"][name]}
    assert "catboost_model.cbm" in changed
    assert changed <= {"catboost_model.cbm", "ranker.json", "recommendations.parquet"}

    checkout.run("dvc", "push")
    elsewhere = Checkout(tmp_path / "elsewhere", checkout.environment | {"HOME": str(tmp_path)})
    shutil.copytree(
        checkout.folder, elsewhere.folder, ignore=shutil.ignore_patterns("workspace", "cache", "tmp", ".site")
    )
    elsewhere.run("dvc", "pull")
    assert elsewhere.json("manifest/manifest.json") == second
    assert elsewhere.repro() == []
