"""How fast a big CSV becomes the event log, and in how much memory, beside what is possible and what is usual.

Writes a shop's log of 90 days, rows per day growing, in the order of time with stragglers, 1 % of the rows broken and
1 % repeated. Then three ways, each in a process of its own:

  floor      polars.scan_csv().sink_parquet(): copies, checks nothing, one file
  pandas     the same checks in chunks of a million rows: types, missing ids, known events, times, repeated ids, by day
  platform   the csv source and the ingest stage as a site uses them, to a local folder

    python -m benchmarks.ingest [--rows 2_000_000 20_000_000] [--keep FOLDER]
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

FIRST: Final = date(2026, 1, 1)
DAYS: Final = 90
EVENT_TYPES: Final = ("view", "cart", "purchase")
ROWS_AT_ONCE: Final = 1_000_000
EARLIEST, LATEST = "2025-01-01", "2027-01-01"


def write_log(file: Path, rows: int, rng: np.random.Generator) -> None:
    """A CSV of about ``rows`` rows: event_id, user_id, item_id, event_type, timestamp, value, session_id."""
    growth = np.linspace(1.0, 2.0, DAYS)
    per_day = np.floor(rows * growth / growth.sum()).astype(int)
    with file.open("wb") as out:
        for number, count in enumerate(per_day):
            day = FIRST + timedelta(days=number)
            _day(day, int(count), rng).write_csv(out, include_header=number == 0)


def _day(day: date, rows: int, rng: np.random.Generator) -> pl.DataFrame:
    start = int((day - date(1970, 1, 1)).total_seconds()) * 1000
    moments = np.sort(rng.integers(start, start + 86_400_000, rows)) - (rng.random(rows) < 0.001) * 90_000_000
    users = (rng.pareto(1.2, rows) * 1000).astype(np.int64) % 2_000_000
    kinds = rng.choice(3, rows, p=[0.86, 0.09, 0.05])
    frame = pl.DataFrame(
        {
            "event_id": pl.Series(rng.integers(0, 2**62, rows)),
            "user_id": users,
            "item_id": (rng.pareto(1.1, rows) * 50).astype(np.int64) % 100_000,
            "event_type": pl.Series(EVENT_TYPES)[kinds],
            "timestamp": pl.from_epoch(pl.Series(moments), "ms").dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"),
            "value": np.where(kinds == 2, rng.gamma(2.0, 15.0, rows).round(2), np.nan),
            "session_id": users * 1000 + number_of(day),
        }
    ).with_columns(
        pl.format("e{}", "event_id"),
        pl.format("u{}", "user_id"),
        pl.format("sku-{}", "item_id"),
        pl.col("value").fill_nan(None),
    )
    fault = pl.Series(rng.choice(4, rows, p=[0.99, 0.004, 0.003, 0.003]))
    broken = frame.with_columns(
        pl.when(fault == 1).then(None).otherwise("user_id").alias("user_id"),
        pl.when(fault == 2).then(pl.lit("soon")).otherwise("timestamp").alias("timestamp"),
        pl.when(fault == 3).then(pl.lit("gaze")).otherwise("event_type").alias("event_type"),
    )
    return pl.concat([broken, broken.sample(fraction=0.01, seed=number_of(day))])


def number_of(day: date) -> int:
    """Days since the log began."""
    return (day - FIRST).days


def floor(file: Path, out: Path) -> int:
    """Copies the file; gives back its rows."""
    pl.scan_csv(file).sink_parquet(out / "log.parquet")
    return pl.scan_parquet(out / "log.parquet").select(pl.len()).collect().item()


def with_pandas(file: Path, out: Path) -> int:
    """Checks the file in chunks, writes a file per chunk and day; ids are remembered to find repeated ones."""
    import pandas as pd

    seen = pd.Index([], dtype="int64")
    rows = 0
    for number, chunk in enumerate(pd.read_csv(file, dtype=str, chunksize=ROWS_AT_ONCE)):
        rows += len(chunk)
        chunk["timestamp"] = pd.to_datetime(chunk["timestamp"], format="ISO8601", utc=True, errors="coerce")
        chunk["value"] = pd.to_numeric(chunk["value"], errors="coerce")
        usable = chunk["timestamp"].between(EARLIEST, LATEST, inclusive="left") & chunk["event_type"].isin(EVENT_TYPES)
        for name in ("event_id", "user_id", "item_id"):
            text = chunk[name]
            usable &= text.notna() & text.str.len().between(1, 256) & ~text.str.contains(r"[\x00-\x1f\x7f]", na=True)
        good = chunk[usable].drop_duplicates("event_id")
        hashes = pd.Index(pd.util.hash_array(good["event_id"].to_numpy(dtype=object)).astype("int64"))
        good = good[~hashes.isin(seen)]
        seen = seen.append(hashes).unique()
        chunk[~usable].to_parquet(out / f"bad-{number}.parquet")
        for day, part in good.groupby(good["timestamp"].dt.date):
            (out / str(day)).mkdir(exist_ok=True)
            part.to_parquet(out / str(day) / f"{number}.parquet")
    return rows


def platform(file: Path, out: Path) -> int:
    """The stage, on a site with the csv source."""
    from pydantic import SecretStr

    from recsys.layout import Settings
    from recsys.stages import ingest_events
    from recsys.stages.context import open_context

    sites = out / "sites"
    sites.mkdir()
    names = ("event_id", "user_id", "item_id", "event_type", "timestamp", "value", "session_id")
    site = {
        "site": "bench",
        "source": {"kind": "csv", "params": {"path": str(file), "columns": {name: name for name in names}}},
        "interactions": [{"name": name} for name in EVENT_TYPES],
        "quality": {"earliest": EARLIEST, "latest": LATEST},
    }
    (sites / "bench.yaml").write_text(json.dumps(site))
    settings = Settings(
        _env_file=None,
        recsys_home=out,
        recsys_data_url="",
        recsys_sites_dir=sites,
        recsys_postgres_password=SecretStr(""),
    )
    first = FIRST - timedelta(days=2)
    report = ingest_events.run(site="bench", first=first, days=DAYS + 2, context=open_context(settings))
    return report.counts.rows_in


WAYS: Final[dict[str, Callable[[Path, Path], int]]] = {"floor": floor, "pandas": with_pandas, "platform": platform}


def measure(way: str, file: Path) -> None:
    """Runs one way in this process and prints what it cost, as JSON."""
    with tempfile.TemporaryDirectory(dir=file.parent) as out:
        began = time.perf_counter()
        rows = WAYS[way](file, Path(out))
        seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime
    print(json.dumps({"rows": rows, "seconds": seconds, "cpu": cpu, "peak": used.ru_maxrss * 1024}))


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="*", type=int, default=[2_000_000, 20_000_000])
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=list(WAYS))
    parser.add_argument("--keep", type=Path, help="folder for the CSV files; they are used again")
    parser.add_argument("--measure", nargs=2, metavar=("WAY", "FILE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        measure(asked.measure[0], Path(asked.measure[1]))
        return
    print("| rows | way | seconds | rows/s | times the floor | CPU seconds | peak memory |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    with tempfile.TemporaryDirectory() as aside:
        folder = asked.keep or Path(aside)
        folder.mkdir(parents=True, exist_ok=True)
        for rows in asked.rows:
            file = folder / f"log-{rows}.csv"
            if not file.exists():
                write_log(file, rows, np.random.default_rng(7))
            compare(file, asked.ways)


def compare(file: Path, ways: list[str]) -> None:
    """Prints a row of the table for each way."""
    least = None
    for way in ways:
        command = [sys.executable, "-m", "benchmarks.ingest", "--measure", way, str(file)]
        cost = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        least = least or cost["seconds"]
        print(
            f"| {cost['rows']:,} | {way} | {cost['seconds']:.1f} | {cost['rows'] / cost['seconds']:,.0f} "
            f"| {cost['seconds'] / least:.1f} | {cost['cpu']:.1f} | {cost['peak'] / 2**20:,.0f} MB |",
            flush=True,
        )


if __name__ == "__main__":
    main()
