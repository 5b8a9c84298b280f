"""Every protocol that asks how good the recommendations are; all learned with the defaults, judged by neutral scorers.

    python -m benchmarks.all_protocols [--out DIR]         # make bench-quality

A later window of two shops (``benchmarks.quality``), the last item of a user and the next click of a session
(``benchmarks.protocols``), and ratings (``benchmarks.ratings``), one after the other. Data are read from
``RECSYS_REAL_DATA`` (default: ``../shared/data``); ``prepare.py``, which cuts the windows, and the scorers from
``RECSYS_BENCHMARK`` (default: ``benchmark`` beside the data). ``--out`` keeps what was cut and what was recommended.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PEERS = {
    "online_retail": {
        "ndcg@10": 0.1238,
        "recall@20": 0.1189,
        "recall@10": 0.0768,
        "mrr@10": 0.2576,
        "hit_rate@10": 0.5386,
    },
    "retailrocket": {
        "ndcg@10": 0.0365,
        "recall@20": 0.0486,
        "recall@10": 0.0418,
        "mrr@10": 0.0572,
        "hit_rate@10": 0.1584,
    },
}
"""The best of a dozen tuned peers by each metric, which are not always the same one; see the neutral benchmark."""


def run(*words: str | Path) -> None:
    """A Python program, with its output as ours."""
    subprocess.run([sys.executable, *map(str, words)], check=True)


def beside_peers(name: str, cut: Path, answers: Path, scorer: Path) -> list[str]:
    """One row for each metric, as the scorer says."""
    words = [sys.executable, str(scorer), str(cut / "truth.parquet"), str(answers)]
    found = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    rows = []
    for metric, peer in PEERS[name].items():
        ours, interval = found["all"][metric], found["ci95"].get(metric)
        within = f" ({interval[0]:.4f}–{interval[1]:.4f})" if interval else ""
        rows.append(f"| {name} | {metric} | {ours:.4f}{within} | {peer:.4f} | {ours / peer - 1:+.1%} |")
    return rows


def later_windows(folder: Path, benchmark: Path) -> None:
    """Prints what is recommended for a later window of the shops, beside our own generators and beside the peers."""
    cuts, answers = folder / "cuts", folder / "answers"
    run(benchmark / "prepare.py", "--out", cuts, *PEERS)
    run("-m", "benchmarks.quality", *(cuts / name for name in PEERS), "--out", answers)
    head = ["set", "metric", "ours (95 %)", "best peer", ""]
    print(f"\n| {' | '.join(head)} |\n| {' | '.join(['---'] * len(head))} |")
    for name in PEERS:
        print(
            *beside_peers(name, cuts / name, answers / f"{name}.parquet", benchmark / "score.py"), sep="\n", flush=True
        )


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    data = Path(os.environ.get("RECSYS_REAL_DATA", "../shared/data"))
    benchmark = Path(os.environ.get("RECSYS_BENCHMARK", data.parent / "benchmark"))
    if not (benchmark / "prepare.py").is_file():
        raise SystemExit(f"found no prepare.py in {benchmark}; name its folder in RECSYS_BENCHMARK")
    with tempfile.TemporaryDirectory() as thrown_away:
        folder = options.out or Path(thrown_away)
        later_windows(folder, benchmark)
        run("-m", "benchmarks.protocols", "--out", folder / "answers")
        run("-m", "benchmarks.ratings", data / "movielens_latest_small")


if __name__ == "__main__":
    main()
