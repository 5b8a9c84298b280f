"""What releases hold out, with figures.

    python -m benchmarks.releases [load|kills|bulk|retention …]

Starts servers of its own in a folder that is thrown away. ``load`` needs as many free cores as it has processes: the
service's workers, Postgres and the one that asks. ``bulk`` needs 15 GB of disk.
"""

import argparse
import asyncio
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.releases import bulk, kills, load, retained
from benchmarks.releases.made import SITE, YAML, store_release, write_files
from recsys.local.platform import running
from recsys.local.servers.postgres import create_database
from recsys.serving.migrate import migrate
from recsys.stages import change_release, maintain_storage, publish_release
from recsys.stages.context import StageContext, open_context
from recsys.testing.throwaway import settings_in

WORKERS = 2
NEEDED = 15e9
"Bytes of disk for the largest table, a plain one beside it, and the files."


@contextmanager
def stores(server: str, data_url: str = "") -> Iterator[tuple[StageContext, Path]]:
    """A context on servers that stop afterwards, and a folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        settings = settings_in(folder).model_copy(update={"recsys_data_url": data_url or str(folder / "data")})
        with running(settings, [server], say=lambda line: None):
            create_database(settings, settings.recsys_postgres_database)
            migrate(settings.postgres_dsn())
            settings.sites_dir.mkdir(parents=True, exist_ok=True)
            (settings.sites_dir / f"{SITE}.yaml").write_text(YAML)
            yield open_context(settings), folder / "made"


def under_load(options: argparse.Namespace) -> None:
    """Prints what requests saw while the pointer moved."""
    with stores("postgres") as (context, folder):
        for release_id in ("a", "b"):
            rows = write_files(folder, release_id, users=options.users, items=2000)
            store_release(context, release_id, folder, rows)
            publish_release.run(site=SITE, release_id=release_id, context=context)
        load.move(context.dsn, "a")
        with load.workers(context.settings, WORKERS) as place:
            seen = asyncio.run(
                load.ask(
                    place,
                    context.dsn,
                    first="a",
                    second="b",
                    users=options.users,
                    rate=options.rate,
                    changes=options.changes,
                    pause=options.pause,
                )
            )
    slowest = max(done - asked for asked, done, _ in seen.moves[1:])
    print(
        f"{seen.requests:,} requests in {seen.lasted:.0f} s ({seen.requests / seen.lasted:.0f}/s) to {seen.workers} "
        f"workers, {len(seen.moves) - 1} moves of the pointer; failed {len(seen.failed)}, mixed {len(seen.mixed)}; "
        f"an old release was seen at most {seen.latest * 1000:.0f} ms after its end; a move took at most "
        f"{slowest * 1000:.0f} ms; answers p50 {seen.quantile(0.5) * 1000:.1f} ms, "
        f"p99 {seen.quantile(0.99) * 1000:.1f} ms"
    )
    print(*seen.failed[:3], *seen.mixed[:3], sep="\n")


def killed(options: argparse.Namespace) -> None:
    """Prints what twenty kills left."""
    with stores("postgres") as (context, folder):
        for release_id in ("a", "b"):
            rows = write_files(folder, release_id, users=options.users, items=2000)
            store_release(context, release_id, folder, rows)
        publish_release.run(site=SITE, release_id="a", context=context)
        load.move(context.dsn, "a")
        seen = kills.kill(context, live="a", release_id="b", times=options.kills, rng=random.Random(7))
    moments = ", ".join(f"{seconds:.1f}" for seconds in sorted(seen.seconds))
    print(f"{seen.kills} kills after {moments} s; faults: {seen.faults or 'none'}")


def in_bulk(options: argparse.Namespace) -> None:
    """Prints rows a second and sizes."""
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < NEEDED * options.bulk_users / 1e6:
        raise SystemExit(f"found {free / 1e9:.0f} GB of free disk; not enough for {options.bulk_users:,} users")
    with stores("postgres") as (context, folder):
        found = bulk.measure(context.dsn, folder, users=options.bulk_users, items=20_000)
    print(
        f"{found.users:,} users × 100 items: COPY {found.copy_seconds:.0f} s, "
        f"{found.users / found.copy_seconds:,.0f} users/s, {found.copy_bytes / 1e9:.2f} GB; "
        f"publish {found.publish_seconds:.0f} s, {found.users / found.publish_seconds:,.0f} users/s, "
        f"{found.publish_bytes / 1e9:.2f} GB ({found.share:.0%}); activate {found.activate_seconds * 1000:.0f} ms"
    )


def after_ten(options: argparse.Namespace) -> None:
    """Prints what ten releases leave, before and after cleaning."""
    with stores("mlflow", "s3://recsys/data") as (context, folder):
        for number in range(10):
            retained.release(context, f"r{number}-", folder, users=options.users, age=20 - number)
        before = retained.held(context)
        maintain_storage.run(site=SITE, context=context)
        after = retained.held(context)
        change_release.roll_back(site=SITE, context=context)
        print(f"before: {before}\nafter: {after}")


def main() -> None:
    """Reads the command line."""
    what = {"load": under_load, "kills": killed, "bulk": in_bulk, "retention": after_ten}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=list(what), default=list(what))
    parser.add_argument("--users", type=int, default=20_000, help="of each release, but for bulk")
    parser.add_argument("--bulk-users", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=500.0, help="requests a second")
    parser.add_argument("--changes", type=int, default=400, help="activations and roll backs together")
    parser.add_argument("--pause", type=float, default=0.25, help="seconds between them")
    parser.add_argument("--kills", type=int, default=20)
    options = parser.parse_args()
    for name in options.what:
        print(f"\n### {name}\n", flush=True)
        what[name](options)


if __name__ == "__main__":
    main()
