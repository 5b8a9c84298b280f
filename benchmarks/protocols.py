"""What comes next, as published protocols ask it: the offline commands on public sequences, judged by a neutral scorer.

    python -m benchmarks.protocols [SET …] [--out DIR]

Leave-one-out (``Beauty``, ``Sports_and_Outdoors``): each user's last item is asked for, among all items, from what
precedes it; items of the history are not recommended. Next click (``yoochoose_1_64``, ``nowplaying``): every prefix of
every test session. Sequences are read from ``RECSYS_REAL_DATA`` (default: ``../shared/data``), the scorer is
``score_lists.py`` in ``RECSYS_BENCHMARK`` (default: ``benchmark`` beside the data). Nothing is chosen for a set: every
set is given to ``recsys offline`` with its defaults, in a process of its own. ``--out`` keeps what was recommended.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from recsys import columns as c
from recsys.stages.offline_files import EVENTS

LAST_OUT = {"Beauty": (0.0928, 0.0531), "Sports_and_Outdoors": (0.0569, 0.0323)}
"""Best published recall@10 and nDCG@10 (the S3-Rec files; eSASRec, RecSys 2025)."""
NEXT_ITEM = {"yoochoose_1_64": (0.7206, 0.3261), "nowplaying": (0.2237, 0.0840)}
"""Best published hit rate@20 and MRR@20 (SGNN-HN, CIKM 2020; GCE-GNN, SIGIR 2020)."""


def last_out(data: Path, name: str, folder: Path) -> list[str]:
    """Writes what may be learned from, and returns the command; the last item of each user is not in it."""
    sequences = [line.split() for line in (data / "amazon_sequences" / f"{name}.txt").read_text().splitlines()]
    events = pl.DataFrame(
        {c.USER_ID: [user for user, *_ in sequences], c.ITEM_ID: [items[:-1] for _, *items in sequences]}
    ).explode(c.ITEM_ID)
    events = events.with_columns(
        pl.lit(None, kind).alias(column) for column, kind in EVENTS.items() if column not in events.columns
    )
    events.write_parquet(folder / "train.parquet")
    told = json.loads((data / "amazon_sequences" / f"{name}_item2attributes.json").read_text())
    pl.DataFrame({c.ITEM_ID: list(told), c.ATTRIBUTES: list(told.values())}).write_parquet(folder / "items.parquet")
    (folder / "users.txt").write_text("".join(f"{user}\n" for user, *_ in sequences))
    files = {"--events": "train.parquet", "--items": "items.parquet", "--users": "users.txt"}
    return ["recommend", *(word for option, file in files.items() for word in (option, str(folder / file)))]


def next_item(data: Path, name: str) -> list[str]:
    """The command; the answers in the file of cases are not read."""
    folder = data / "sessions" / name
    return [
        "next-item",
        *("--sessions", str(folder / "train_sessions.plain.txt")),
        *("--cases", str(folder / "test_cases.plain.tsv")),
    ]


def scored(scorer: Path, data: Path, name: str, answers: Path) -> dict[str, float]:
    """What the scorer says."""
    if name in LAST_OUT:
        asked = ["last-out", "--sequences", str(data / "amazon_sequences" / f"{name}.txt"), "--recs", str(answers)]
    else:
        cases = data / "sessions" / name / "test_cases.plain.tsv"
        asked = ["next-item", "--cases", str(cases), "--predictions", str(answers)]
    said = subprocess.run([sys.executable, str(scorer), *asked], check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(said)
    return found


def measure(name: str, data: Path, scorer: Path, folder: Path) -> str:
    """One row of the table."""
    answers = folder / f"{name}.parquet"
    with tempfile.TemporaryDirectory() as inputs:
        words = last_out(data, name, Path(inputs)) if name in LAST_OUT else next_item(data, name)
        command = [sys.executable, "-m", "recsys.cli", "offline", *words, "--out", str(answers), "--json"]
        began = time.perf_counter()
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        whole = time.perf_counter() - began
    steps = {step["step"]: step for step in json.loads(said)["steps"]}
    peak = max(step["peak_bytes"] for step in steps.values())
    found = scored(scorer, data, name, answers)
    published = {**LAST_OUT, **NEXT_ITEM}[name]
    (first, one), (second, two), (_, asked) = found.items()
    cells = [
        name,
        f"{first} {one:.4f} ({one / published[0] - 1:+.1%})",
        f"{second} {two:.4f} ({two / published[1] - 1:+.1%})",
        f"{published[0]:.4f} / {published[1]:.4f}",
        f"{asked:,}",
        f"{steps['train']['seconds']:.0f}",
        f"{whole:.0f}",
        f"{peak / 1e9:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=[*LAST_OUT, *NEXT_ITEM], metavar="SET")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    data = Path(os.environ.get("RECSYS_REAL_DATA", "../shared/data"))
    scorer = Path(os.environ.get("RECSYS_BENCHMARK", data.parent / "benchmark")) / "score_lists.py"
    if not scorer.is_file():
        raise SystemExit(f"found no {scorer}; name the folder of score_lists.py in RECSYS_BENCHMARK")
    head = ["set", "", "", "best published", "asked", "training s", "whole s", "peak GB"]
    print(f"| {' | '.join(head)} |\n| {' | '.join(['---'] * len(head))} |", flush=True)
    with tempfile.TemporaryDirectory() as thrown_away:
        folder = options.out or Path(thrown_away)
        folder.mkdir(parents=True, exist_ok=True)
        for name in options.sets:
            print(measure(name, data, scorer, folder), flush=True)


if __name__ == "__main__":
    main()
