"""How many recommendations a second the web service gives, beside an empty route of the same server.

    python -m benchmarks.serving [--users 10000 100000] [--workers 1 2] [--seconds 8]        # make bench-serving

For each number of users a release with 100 items per user is published, and 10,000 users did three things lately; all
requests ask for the blended slates of these. The load comes from ``wrk`` (Debian's package of that name) on the same
machine. *Peak* is what 32 connections get; latencies are at half of it, from a client that sends evenly.
"""

import argparse
import asyncio
import os
import random
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.releases import load
from benchmarks.releases.__main__ import stores
from benchmarks.releases.made import SITE, store_release, write_files
from recsys.layout import Settings
from recsys.serving.postgres import transaction
from recsys.stages import publish_release
from recsys.stages.context import StageContext

ITEMS = 5000
ACTIVE = 10_000
"Users who did something lately."
CONNECTIONS = 32
EMPTY = "/health/live"
ASK = f"/v1/{SITE}/recommendations?k=10&user_id="
LUA = """
math.randomseed(7)
request = function() return wrk.format("GET", "%s" .. string.format("user_%%08d", math.random(0, %d))) end
"""
_EVENTS = """
INSERT INTO recsys.event (site, event_id, user_id, item_id, event_type, "timestamp")
SELECT %s, 'e' || number, 'user_' || lpad((number / 3)::text, 8, '0'),
       'a' || lpad((number * 37 %% %s)::text, 5, '0'), 'view', now() - number %% 3 * interval '5 minutes'
FROM generate_series(0, %s) AS number
"""


def publish(context: StageContext, folder: Path, users: int) -> float:
    """A release of so many users is live, and some did something; returns the seconds of publishing."""
    rows = write_files(folder, "a", users=users, items=ITEMS)
    store_release(context, "a", folder, rows)
    began = time.perf_counter()
    publish_release.run(site=SITE, release_id="a", context=context)
    load.move(context.dsn, "a")
    seconds = time.perf_counter() - began
    with transaction(context.dsn) as cursor:
        cursor.execute(_EVENTS, (SITE, min(ITEMS, 1000), 3 * min(users, ACTIVE) - 1))
    return seconds


def peak(port: int, path: str, users: int, seconds: int) -> float:
    """Requests a second, all of them answered with 200."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(LUA % (path, min(users, ACTIVE) - 1) if path == ASK else "")
        script.flush()
        words = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "-s", script.name, f"http://127.0.0.1:{port}{path}"]
        said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said:
        raise SystemExit(f"found failed requests:\n{said}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert found is not None, said
    return float(found[1])


async def latencies(port: int, users: int, rate: float, seconds: int) -> list[float]:
    """Milliseconds of requests that are sent evenly, sorted; a late answer does not put off the next question."""
    taken: list[float] = []
    began = time.perf_counter()

    async def connection(number: int) -> None:
        rng = random.Random(number)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for turn in range(int(rate * seconds / CONNECTIONS)):
            due = began + (turn * CONNECTIONS + number) / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            path = f"{ASK}user_{rng.randrange(min(users, ACTIVE)):08}"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            status, _ = await load.response(reader)
            assert status == 200, status
            taken.append((time.perf_counter() - due) * 1000)
        writer.close()

    await asyncio.gather(*(connection(number) for number in range(CONNECTIONS)))
    return sorted(taken)


def memory(parent: int) -> tuple[float, float]:
    """Megabytes of all workers: as if nothing were shared, and with what they share counted once."""
    pids = subprocess.run(["pgrep", "-P", str(parent)], capture_output=True, text=True, check=False).stdout.split()
    resident = proportional = 0
    for pid in pids or [str(parent)]:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        resident += int(re.findall(r"^Rss:\s+(\d+)", rollup, re.MULTILINE)[0])
        proportional += int(re.findall(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)[0])
    return resident / 1024, proportional / 1024


def wait_for_snapshot(settings: Settings) -> float:
    """Seconds until the host has the file."""
    began = time.perf_counter()
    while not list((settings.recsys_home / "snapshots").glob("*/*.snapshot")):
        time.sleep(0.05)
    made = time.perf_counter() - began
    time.sleep(3.0)  # every worker opens it
    return made


def measure(users: int, workers: list[int], seconds: int) -> None:
    """Prints a row for each number of workers, with the snapshot and without."""
    with stores("postgres") as (context, folder):
        publish(context, folder, users)
        for snapshot_users in (users, 0):
            settings = context.settings.model_copy(update={"recsys_snapshot_users": snapshot_users})
            for count in workers:
                with load.workers(settings, count) as (_, port, parent):
                    made = wait_for_snapshot(settings) if snapshot_users else 0.0
                    empty, full = peak(port, EMPTY, users, seconds), peak(port, ASK, users, seconds)
                    times = asyncio.run(latencies(port, users, full / 2, seconds))
                    resident, proportional = memory(parent)
                cells = [
                    f"{users:,}",
                    str(count),
                    f"snapshot, made in {made:.1f} s" if snapshot_users else "one query or two for each request",
                    f"{empty:,.0f}",
                    f"{full:,.0f} ({full / empty:.0%})",
                    f"{times[len(times) // 2]:.1f} / {times[int(len(times) * 0.99)]:.1f}",
                    f"{resident:,.0f} / {proportional:,.0f}",
                ]
                print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=int, default=8)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("found no wrk, expected it on the PATH; install the package wrk")
    head = [
        "users",
        "workers",
        "answers from",
        "empty route/s",
        "recommendations/s",
        "p50 / p99 ms at half",
        "RSS / PSS MB",
    ]
    print(f"{os.cpu_count()} cores\n\n| {' | '.join(head)} |\n| {' | '.join(['---'] * len(head))} |")
    for users in options.users:
        measure(users, options.workers, options.seconds)


if __name__ == "__main__":
    main()
