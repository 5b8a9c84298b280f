"""The platform's own stages on whole sites, as `make bench` runs them.

    python -m benchmarks [SITE …]

Starts a Postgres, an S3 server and MLflow of its own in a folder that is thrown away; takes each site from its raw
events through every stage, one after the other; prints what each stage cost, and how the release did on its later
window. ``online_retail`` and ``retailrocket`` are read from ``RECSYS_REAL_DATA`` (default: ``../shared/data``) and left
out, with a word, where it has none.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TypeVar

from benchmarks.quality import table
from recsys.evaluation.report import EvaluationReport
from recsys.local.platform import running
from recsys.local.servers.postgres import create_database
from recsys.serving.migrate import migrate
from recsys.sites import add_site
from recsys.stages import build_candidates, change_release, ingest_events, release_recommendations, train_ranker
from recsys.stages.context import StageContext, open_context
from recsys.testing.throwaway import settings_in

T = TypeVar("T")

DAYS = {
    "demo_shop": (date(2026, 1, 1), 60),
    "online_retail": (date(2010, 12, 1), 374),
    "retailrocket": (date(2015, 5, 3), 139),
}
"""First day and number of days of each site."""


@contextmanager
def stores(folder: Path) -> Iterator[StageContext]:
    """Servers that stop afterwards, with an empty database and bucket."""
    settings = settings_in(folder).model_copy(update={"recsys_data_url": "s3://recsys/data"})
    with running(settings, ["mlflow"], say=lambda line: None):
        create_database(settings, settings.recsys_postgres_database)
        migrate(settings.postgres_dsn())
        yield open_context(settings)


def measure(context: StageContext, site: str, from_dir: Path | None) -> None:
    """Prints what each stage cost, and the report."""
    add_site(context.settings.sites_dir, site, from_dir=from_dir)
    first, days = DAYS[site]
    print(f"\n### {site}\n\n| stage | seconds | |\n| --- | --- | --- |")
    log = timed("ingest_events", lambda: ingest_events.run(site=site, first=first, days=days, context=context))
    counts = log.counts
    print(f"{counts.rows_in:,} in = {counts.kept:,} kept + {counts.bad:,} bad + {counts.duplicates:,} duplicates |")
    built = timed("build_candidates", lambda: build_candidates.run(site=site, context=context))
    print(f"{built.rows['candidates_inference.parquet']:,} candidates to rank |")
    ranker = timed("train_ranker", lambda: train_ranker.run(site=site, context=context))
    print(f"{ranker.rows:,} rows of {ranker.users:,} users, {ranker.trees} trees |")
    released = timed("release_recommendations", lambda: release_recommendations.run(site=site, context=context))
    print(f"{released.rows.get('recommendations.parquet', 0):,} users' slates in Postgres |")
    report = change_release.judged(site=site, context=context)
    print(f"\n{released.reason}\n")
    print(table(EvaluationReport.model_validate({name: report[name] for name in EvaluationReport.model_fields})))


def timed(stage: str, run: Callable[[], T]) -> T:
    """The stage's report; its row of the table is begun."""
    began = time.perf_counter()
    report = run()
    print(f"| {stage} | {time.perf_counter() - began:.1f} | ", end="", flush=True)
    return report


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sites", nargs="*", default=list(DAYS), metavar="SITE")
    data = Path(os.environ.get("RECSYS_REAL_DATA", "../shared/data"))
    with tempfile.TemporaryDirectory() as folder, stores(Path(folder)) as context:
        for site in parser.parse_args().sites:
            from_dir = None if site == "demo_shop" else data / site
            if from_dir is not None and not from_dir.is_dir():
                print(f"\n### {site}\n\nleft out: found no {from_dir}; name the folder's parent in RECSYS_REAL_DATA")
                continue
            measure(context, site, from_dir)


if __name__ == "__main__":
    main()
