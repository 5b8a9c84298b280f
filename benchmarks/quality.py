"""How good the recommendations are on a later window, beside popularity and each generator alone.

    python -m benchmarks.quality FOLDER [FOLDER …] [--trial] [--out DIR]

A folder holds ``train.parquet`` (user_id, item_id, event_type, value, timestamp), ``truth.parquet`` (user_id, item_id:
what was new to the user in the window after it) and ``users.txt``. Nothing but ``train.parquet`` is learned from, with
every default of a site; what a user has touched is not recommended. A generator that does not know a user shows the
popular.
``--trial``: generators on trial are taken where
windows inside ``train.parquet`` say that they help.
Prints a Markdown table per folder; ``--out`` keeps the ranked slates as ``DIR/<folder>.parquet``.
"""

import argparse
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.evaluation.report import COMPARED, RANKED, EvaluationReport, evaluate
from recsys.stages.offline_by_time import contest, midnight_after
from recsys.stages.offline_files import read_events, read_users
from recsys.steps import Steps

SIZE = 20
SEED = 7


def table(report: EvaluationReport) -> str:
    """The report in Markdown."""
    head = [
        "contestant",
        *(f"{metric} (95 %)" for metric in COMPARED),
        "cold nDCG@10",
        "coverage@20",
        "ranked leads by nDCG@10",
    ]
    lines = [head, ["---"] * len(head)]
    for name, found in sorted(report.contestants.items(), key=lambda each: -each[1].metrics[COMPARED[0]]):
        lead = report.lead.get(name, {}).get(COMPARED[0])
        lines.append(
            [
                name,
                *(f"{i.mean:.4f} ({i.low:.4f}–{i.high:.4f})" for i in (found.intervals[metric] for metric in COMPARED)),
                f"{found.cold['ndcg@10']:.4f}" if found.cold else "–",
                f"{found.metrics['coverage@20']:.3f}",
                f"{lead.mean:+.4f} ({lead.low:+.4f} to {lead.high:+.4f})" if lead else "–",
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def measure(folder: Path, out: Path | None, *, trial: bool) -> None:
    """Prints the table of one folder."""
    began = time.perf_counter()
    log, truth = read_events(folder / "train.parquet"), pl.read_parquet(folder / "truth.parquet")
    found = contest(log, None, read_users(folder / "users.txt"), k=SIZE, steps=Steps(), with_trial=trial)
    seconds = time.perf_counter() - began
    report = evaluate(
        found.slates,
        truth,
        warm_users=log[c.USER_ID].unique().to_list(),
        catalogue=log[c.ITEM_ID].n_unique(),
        window=(midnight_after(log), midnight_after(log) + timedelta(days=1)),
        rng=np.random.default_rng(SEED),
    )
    print(f"\n### {folder.name}\n\n{log.height:,} events, {report.users:,} users judged, {report.cold_users:,} of them")
    print(f"without history; trained and ranked in {seconds:.0f} s.")
    if trial:
        print(f"Generators on trial {found.trial.reason}.")
    print(f"\n{table(report)}")
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        found.slates[RANKED].write_parquet(out / f"{folder.name}.parquet")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--trial", action="store_true")
    options = parser.parse_args()
    for folder in options.folders:
        measure(folder, options.out, trial=options.trial)


if __name__ == "__main__":
    main()
