"""What others do for a request: one query of Postgres, and MLflow's own scoring server."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import catboost
import mlflow
import numpy as np

from benchmarks.serving.asking import Question
from benchmarks.serving.processes import Running, serving
from recsys.layout import Settings
from recsys.local.ports import free_block

CANDIDATES = 100
FEATURES = 30
TREES = 200


@contextmanager
def reference(settings: Settings, workers: int) -> Iterator[Running]:
    """The reference design on the release of these settings."""
    port = free_block(1)
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "benchmarks.serving.one_query:create_app",
        "--factory",
        "--no-access-log",
    ]
    command += ["--port", str(port), "--workers", str(workers), "--log-level", "warning"]
    with serving(command, {"BENCHMARK_DSN": settings.postgres_dsn()}, port, "/health/live") as running:
        yield running


@contextmanager
def scoring(folder: Path, workers: int) -> Iterator[tuple[Running, Question]]:
    """MLflow's scoring server with a CatBoost ranker, and a question: the candidates of one user, to be scored."""
    rng = np.random.default_rng(7)
    rows = rng.random((20_000, FEATURES), dtype=np.float32)
    users = np.repeat(np.arange(len(rows) // CANDIDATES), CANDIDATES)
    bought = (rows[:, 0] + rows[:, 1] * rows[:, 2] + 0.3 * rng.random(len(rows)) > 1.2).astype(int)
    ranker = catboost.CatBoostRanker(
        iterations=TREES, depth=6, verbose=False, thread_count=2, allow_writing_files=False
    )
    ranker.fit(catboost.Pool(rows, bought, group_id=users))
    if not (folder / "ranker").exists():
        mlflow.catboost.save_model(ranker, str(folder / "ranker"), pip_requirements=[])
    columns = [f"f{number}" for number in range(FEATURES)]
    asked = folder / "candidates.json"
    data = rows[:CANDIDATES].astype(float).round(6).tolist()
    asked.write_text(json.dumps({"dataframe_split": {"columns": columns, "data": data}}))
    port = free_block(1)
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local", "--port", str(port)]
    command += ["--model-uri", str(folder / "ranker"), "--workers", str(workers)]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it starts uvicorn by its name
    with serving(command, {"PATH": path}, port, "/ping") as running:
        yield running, Question("/invocations", body=str(asked))
