"""A whole training beside RecTools' two-stage pipeline: seconds, memory, and what the slates are worth.

    python -m benchmarks.against_rectools FOLDER --rectools-python PATH [--times N]

FOLDER holds ``train.parquet``, ``truth.parquet`` and ``users.txt`` as for ``benchmarks.quality``. Both learn from the
same table in memory with the same kinds of generators, 150 candidates from each, and make 20 items for every user of
the log and of ``users.txt``; each in a process of its own, one after the other, with two cores. RecTools is measured
twice: as its tutorial has it, with CatBoost's own number and depth of trees, and with those of a site's defaults.

RecTools 0.19 does not fit into this project's environment; it needs one of its own:

    python -m venv rectools && rectools/bin/pip install "rectools[catboost]==0.19.0"
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.quality import SEED, SIZE, table
from recsys import columns as c
from recsys.evaluation.report import RANKED, evaluate
from recsys.sites.config import SiteConfig
from recsys.stages.offline_by_time import contest, default_site, midnight_after
from recsys.stages.offline_files import read_events, read_users
from recsys.steps import Steps, peak_bytes

PIPELINE = Path(__file__).with_name("rectools_pipeline.py")
CORES = "2"
Cost = tuple[float, float, float]
"""Seconds, seconds of all cores together, peak MB."""


def ours(folder: Path, out: Path) -> Cost:
    """Trains and writes the slates; meant for a process of its own."""
    log = read_events(folder / "train.parquet")
    users = list(dict.fromkeys([*log[c.USER_ID].unique().sort(), *read_users(folder / "users.txt")]))
    began, worked = time.perf_counter(), time.process_time()
    slates = contest(log, None, users, k=SIZE, steps=Steps()).slates[RANKED]
    seconds, worked = time.perf_counter() - began, time.process_time() - worked
    slates.write_parquet(out)
    return seconds, worked, peak_bytes() / 1e6


def theirs(python: Path, folder: Path, out: Path, *, candidates: int, trees: int, depth: int) -> Cost:
    """The same by RecTools, in its own Python; 0 trees and depth are CatBoost's own."""
    events, answers = out.with_suffix(".events.csv"), out.with_suffix(".csv")
    log = read_events(folder / "train.parquet").select(c.USER_ID, c.ITEM_ID, c.TIMESTAMP)
    log.with_columns(pl.col(c.TIMESTAMP).dt.replace_time_zone(None)).write_csv(events)
    asked = [python, PIPELINE, events, folder / "users.txt", answers, candidates, trees, depth]
    limits = {"OMP_NUM_THREADS": CORES, "OPENBLAS_NUM_THREADS": "1"}  # as implicit asks for
    run = subprocess.run(map(str, asked), capture_output=True, text=True, env={**os.environ, **limits}, check=False)
    if run.returncode:
        sys.exit(f"RecTools did not get through:\n{run.stderr[-2000:]}")
    found = pl.read_csv(answers, schema_overrides={c.USER_ID: pl.String, c.ITEM_ID: pl.String, c.RANK: pl.Int32})
    found.write_parquet(out)
    cost = json.loads(run.stdout.splitlines()[-1])
    return cost["seconds"], cost["cpu_seconds"], cost["peak_bytes"] / 1e6


def measure(folder: Path, python: Path, times: int) -> None:
    """Prints what each cost, the least of ``times`` runs taken in turns, and what the slates are worth."""
    log = read_events(folder / "train.parquet")
    site: SiteConfig = default_site(log.with_columns(pl.lit("view").alias(c.EVENT_TYPE)))
    trees, depth, candidates = site.ranker.iterations, site.ranker.depth, site.candidates_per_source
    with tempfile.TemporaryDirectory() as place:

        def file(name: str) -> Path:
            return Path(place) / f"{name}.parquet"

        def here() -> Cost:
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
                return pool.submit(ours, folder, file(RANKED)).result()

        def there(name: str, trees: int, depth: int) -> Cost:
            return theirs(python, folder, file(name), candidates=candidates, trees=trees, depth=depth)

        runs: dict[str, Callable[[], Cost]] = {
            RANKED: here,
            "rectools": lambda: there("rectools", 0, 0),
            "rectools_small": lambda: there("rectools_small", trees, depth),
        }
        measured = [{name: run() for name, run in runs.items()} for _ in range(times)]
        costs = {name: min(each[name] for each in measured) for name in runs}
        slates = {name: pl.read_parquet(file(name)) for name in runs}
    print(f"\n### {folder.name}\n\n{log.height:,} events, {log[c.USER_ID].n_unique():,} users; least of {times} runs\n")
    print("| pipeline | seconds | times ours | CPU seconds | times ours | peak memory |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, (seconds, worked, memory) in costs.items():
        times_ours = (each / own for each, own in zip((seconds, worked), costs[RANKED], strict=False))
        shown = (f"{each:.1f}" for pair in zip((seconds, worked), times_ours, strict=True) for each in pair)
        print(f"| {name} | {' | '.join(shown)} | {memory:,.0f} MB |")
    report = evaluate(
        slates,
        pl.read_parquet(folder / "truth.parquet"),
        warm_users=log[c.USER_ID].unique().to_list(),
        catalogue=log[c.ITEM_ID].n_unique(),
        window=(midnight_after(log), midnight_after(log) + timedelta(days=1)),
        rng=np.random.default_rng(SEED),
    )
    print(f"\n{table(report)}")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--rectools-python", type=Path, required=True, metavar="PATH")
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    if not options.rectools_python.is_file():
        parser.error(
            f"found no {options.rectools_python}, expected the Python of an environment with RecTools; make one with: "
            'python -m venv rectools && rectools/bin/pip install "rectools[catboost]==0.19.0"'
        )
    measure(options.folder, options.rectools_python, options.times)


if __name__ == "__main__":
    main()
