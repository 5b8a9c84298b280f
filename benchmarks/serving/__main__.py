"""How many recommendations a second the web service gives, beside an empty route of the same server and beside others.

    python -m benchmarks.serving [--users 10000 100000 1000000] [--workers 1 2] [--seconds 8]       # make bench-serving

For each number of users a release with 100 items per user is published, and 10,000 users did three things lately; all
requests ask for the blended slates of these. The load comes from ``wrk`` on the same machine, and asks the empty route
with the same users in its query, so that asking costs the same. *Peak* is what 32 connections get, the median of three
turns, in each of which both are asked; latencies are at half of it. First of all comes where the microseconds of one
answer go.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from benchmarks.releases.__main__ import stores
from benchmarks.serving import rivals, stages
from benchmarks.serving.asking import Question, at_half, peak
from benchmarks.serving.processes import Running, memory, serving
from benchmarks.serving.site import ACTIVE, ASK, EMPTY, publish, user
from recsys.layout import Settings
from recsys.local.ports import free_block

HEAD = (
    "users",
    "workers",
    "answers from",
    "empty route/s",
    "answers/s",
    "p50 / p99 ms at half",
    "RSS / PSS MB",
    "first answer after",
)
TURNS = 3
"Peaks of the empty route and of answers, one after the other: a machine is not always equally fast."
OPENED = 3.0
"Seconds until every worker has opened the snapshot."


@contextmanager
def web_service(settings: Settings, workers: int) -> Iterator[Running]:
    """The web service as ``make up`` starts it."""
    port = free_block(1)
    chosen = settings.model_copy(update={"recsys_web_port": port, "recsys_web_workers": workers})
    with tempfile.TemporaryDirectory() as metrics:
        environment = {**chosen.environment(), "PROMETHEUS_MULTIPROC_DIR": metrics}
        with serving([sys.executable, "-m", "web_service"], environment, port, f"{ASK}{user(0)}") as running:
            time.sleep(OPENED)
            yield running


def make_snapshot(settings: Settings) -> tuple[float, float]:
    """Seconds from the first start on a host until its snapshot is there, and its megabytes."""
    began = time.time()
    with web_service(settings, 1):
        while not (found := list((settings.recsys_home / "snapshots").glob("*/*.snapshot"))):
            time.sleep(0.05)
    file = found[0].stat()
    return file.st_mtime - began, file.st_size / 1e6


def row(users: int, workers: int, source: str, running: Running, empty: str, question: Question, seconds: int) -> None:
    """Measures, and prints a row."""
    nothing = Question(f"{empty}?user_id=", question.users) if question.users else Question(empty)
    turns = [(peak(running.port, nothing, seconds), peak(running.port, question, seconds)) for _ in range(TURNS)]
    none, full = (median(seen.rate for seen in asked) for asked in zip(*turns, strict=True))
    share = median(full.rate / none.rate for none, full in turns)
    half = at_half(running.port, question, full, seconds)
    resident, proportional = memory(running.pid)
    cells = [
        f"{users:,}",
        str(workers),
        source,
        f"{none:,.0f}",
        f"{full:,.0f} ({share:.0%})",
        f"{half.median:.1f} / {half.p99:.1f}",
        f"{resident:,.0f} / {proportional:,.0f}",
        f"{running.seconds:.1f} s",
    ]
    print(f"| {' | '.join(cells)} |", flush=True)


def measure(users: int, workers: list[int], seconds: int, *, first: bool) -> None:
    """Prints the rows of one release; the first has those of the others too."""
    question = Question(ASK, users=min(users, ACTIVE))
    with stores("postgres") as (context, folder):
        published = publish(context, folder, users)
        settings = context.settings.model_copy(update={"recsys_snapshot_users": users})
        made, megabytes = make_snapshot(settings)
        told = f"published in {published:.0f} s; snapshot of {megabytes:,.0f} MB made in {made:.1f} s"
        print(f"| {users:,} | | {told} |{' |' * (len(HEAD) - 3)}", flush=True)
        for count in workers:
            with web_service(settings, count) as running:
                row(users, count, "snapshot", running, EMPTY, question, seconds)
        tables = settings.model_copy(update={"recsys_snapshot_users": 0})
        for count in workers if first else ():
            with web_service(tables, count) as running:
                row(users, count, "its tables, without a snapshot", running, EMPTY, question, seconds)
        for count in workers if first else ():
            with rivals.reference(settings, count) as running:
                row(users, count, "reference design: one query, no blending", running, EMPTY, question, seconds)
        for count in workers if first else ():
            with rivals.scoring(folder, count) as (running, candidates):
                row(users, count, "MLflow's server: 100 candidates scored", running, "/ping", candidates, seconds)


def show_stages() -> None:
    """Prints where the microseconds of one answer go."""
    with stores("postgres") as (context, folder):
        publish(context, folder, ACTIVE)
        asyncio.run(stages.show(context.settings))


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--without-stages", action="store_true")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("found no wrk, expected it on the PATH; install the package wrk")
    print(f"{os.cpu_count()} cores\n")
    if not options.without_stages:
        show_stages()
    print(f"\n| {' | '.join(HEAD)} |\n| {' | '.join(['---'] * len(HEAD))} |")
    for users in options.users:
        measure(users, options.workers, options.seconds, first=users == options.users[0])


if __name__ == "__main__":
    main()
