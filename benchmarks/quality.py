"""How good the recommendations are on a later window, beside popularity and each generator alone.

    python -m benchmarks.quality FOLDER [FOLDER …] [--out DIR]

A folder holds ``train.parquet`` (user_id, item_id, event_type, value, timestamp), ``truth.parquet`` (user_id, item_id:
what was new to the user in the window after it) and ``users.txt``. Nothing but ``train.parquet`` is learned from, with
every default of a site; what a user has touched is not recommended. A generator that does not know a user shows the
popular.
Prints a Markdown table per folder; ``--out`` keeps the ranked slates as ``DIR/<folder>.parquet``.
"""

import argparse
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.candidates.popularity import Popularity
from recsys.evaluation.report import COMPARED, RANKED, EvaluationReport, evaluate
from recsys.events.schema import INTERACTIONS, ITEMS
from recsys.features.feature_set import FeatureSet
from recsys.ranking.candidate_rows import Recall, fit_recall
from recsys.ranking.ranker import Ranker
from recsys.ranking.slates import rank_rows
from recsys.ranking.training_rows import gains, label_windows, training_rows
from recsys.sites.config import ComponentSpec, InteractionType, SiteConfig

SITE = SiteConfig(
    site="benchmark",
    source=ComponentSpec(kind="none"),
    interactions=(
        InteractionType(name="view", weight=1.0, gain=1),
        InteractionType(name="cart", weight=3.0, gain=2),
        InteractionType(name="purchase", weight=5.0, gain=3),
    ),
)
"""Every default of the platform."""
NAMES = {"addtocart": "cart", "transaction": "purchase"}
LABEL_DAYS = 14
SIZE = 20
SEED = 7


def read(path: Path) -> pl.DataFrame:
    """The log as INTERACTIONS; the row number is the event_id."""
    log = pl.read_parquet(path).with_columns(
        pl.int_range(pl.len()).cast(pl.String).alias(c.EVENT_ID), pl.col(c.EVENT_TYPE).replace(NAMES)
    )
    known = [pl.col(n).cast(k) if n in log.columns else pl.lit(None, k).alias(n) for n, k in INTERACTIONS.items()]
    return log.select(known)


def catalogue(log: pl.DataFrame) -> pl.DataFrame:
    """Every item with an event, available, without properties."""
    items = log.select(c.ITEM_ID).unique().sort(c.ITEM_ID).with_columns(pl.lit(True).alias(c.AVAILABLE))
    return items.select([pl.col(n) if n in items.columns else pl.lit(None, k).alias(n) for n, k in ITEMS.items()])


def touched(log: pl.DataFrame) -> pl.DataFrame:
    """Distinct pairs with an event."""
    return log.select(c.USER_ID, c.ITEM_ID).unique()


def recall_at(log: pl.DataFrame, moment: datetime, rng: np.random.Generator) -> Recall:
    """The site's generators, fitted on what happened before ``moment``."""
    known = log.filter(pl.col(c.TIMESTAMP) < moment)
    return fit_recall(known, catalogue(known), specs=SITE.candidates, types=SITE.interactions, as_of=moment, rng=rng)


def train(log: pl.DataFrame, as_of: datetime, rng: np.random.Generator) -> Ranker:
    """A ranker that learned from the label windows before ``as_of``."""
    parts = []
    for start, end in label_windows(as_of, days=LABEL_DAYS, count=SITE.windows.label_windows):
        recall = recall_at(log, start, rng)
        seen = touched(recall.interactions)
        labels = gains(log, SITE.interactions, start=start, end=end, exclude=seen)
        users = labels[c.USER_ID].unique().sort().to_list()
        rows = recall.rows(recall.pool(users, k=SITE.candidates_per_source, exclude=seen))
        parts.append(
            training_rows(rows, labels, as_of=start, negatives_per_user=SITE.ranker.negatives_per_user, rng=rng)
        )
    features = FeatureSet.of([spec.kind for spec in SITE.candidates])
    return Ranker(features, SITE.ranker).fit(pl.concat(parts), rng=rng)


def contest(log: pl.DataFrame, users: Sequence[str]) -> dict[str, pl.DataFrame]:
    """Slates (user_id, item_id, rank) by contestant: ranked, and each generator alone."""
    rng = np.random.default_rng(SEED)
    as_of = midnight_after(log)
    ranker = train(log, as_of, rng)
    recall = recall_at(log, as_of, rng)
    pool = recall.pool(users, k=SITE.candidates_per_source, exclude=touched(log))
    rows = recall.rows(pool)
    popular = pool.filter(pl.col(c.SOURCE) == Popularity.name)
    slates = {RANKED: rank_rows(rows, ranker.score(rows), sources=recall.sources, size=SIZE)}
    for source in recall.sources:
        own = pool.filter(pl.col(c.SOURCE) == source)
        slates[source] = pl.concat([own, popular.join(own, on=c.USER_ID, how="anti")])
    return slates


def midnight_after(log: pl.DataFrame) -> datetime:
    """The UTC midnight after the newest event."""
    newest = log[c.TIMESTAMP].dt.truncate("1d").max()
    if not isinstance(newest, datetime):
        raise SystemExit("train.parquet has no events")
    return newest + timedelta(days=1)


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


def measure(folder: Path, out: Path | None) -> None:
    """Prints the table of one folder."""
    began = time.perf_counter()
    log, truth = read(folder / "train.parquet"), pl.read_parquet(folder / "truth.parquet")
    slates = contest(log, (folder / "users.txt").read_text(encoding="utf-8").split())
    seconds = time.perf_counter() - began
    report = evaluate(
        slates,
        truth,
        warm_users=log[c.USER_ID].unique().to_list(),
        catalogue=log[c.ITEM_ID].n_unique(),
        window=(midnight_after(log), midnight_after(log) + timedelta(days=1)),
        rng=np.random.default_rng(SEED),
    )
    print(f"\n### {folder.name}\n\n{log.height:,} events, {report.users:,} users judged, {report.cold_users:,} of them")
    print(f"without history; trained and ranked in {seconds:.0f} s\n\n{table(report)}")
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        slates[RANKED].select(c.USER_ID, c.ITEM_ID, c.RANK).write_parquet(out / f"{folder.name}.parquet")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    for folder in options.folders:
        measure(folder, options.out)


if __name__ == "__main__":
    main()
